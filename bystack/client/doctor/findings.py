"""What a judge says of one thing: good, worth a look, or wrong, and what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad it is; only `FAULT` makes the doctor's exit code 1."""

    GOOD = "ok"
    CARE = "care"
    FAULT = "FAULT"


class Finding(NamedTuple):
    """One thing looked at: which, how it is, in a sentence, and the next step (empty when good)."""

    subject: str
    level: Level
    says: str
    cure: str = ""


def good(subject: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(subject, Level.GOOD, says)


def care(subject: str, says: str, cure: str) -> Finding:
    """The node works; somebody should see to it."""
    return Finding(subject, Level.CARE, says, cure)


def fault(subject: str, says: str, cure: str) -> Finding:
    """Something does not work, or money or a key is at risk."""
    return Finding(subject, Level.FAULT, says, cure)
