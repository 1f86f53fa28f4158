"""The engines the suite runs over: the built-in ones, and whichever BYSTACK_ENGINE names.

To run it over an installed engine of your own:

    BYSTACK_ENGINE=mine,4,1,yes pytest tests/sidechain/consensus/conformance -k mine

(name, validators to try it with, how many of them may be away, whether it finds evidence).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from bystack.sidechain.consensus.engine import EngineType
from bystack.sidechain.engines import installed


@dataclass(frozen=True)
class Case:
    """An engine and what it promises with `size` validators: that it goes on without `spare` of
    them, that it proves equivocation."""

    name: str
    size: int
    spare: int
    evidence: bool

    @property
    def type(self) -> EngineType:
        return installed(self.name)


def from_environment(text: str) -> list[Case]:
    """The case in BYSTACK_ENGINE, if any."""
    if not text:
        return []
    name, size, spare, evidence = text.split(",")
    return [Case(name, int(size), int(spare), evidence == "yes")]


CASES = [
    Case("bbft", 4, 1, True),
    Case("authority", 4, 1, True),
    Case("solo", 1, 0, True),
    *from_environment(os.environ.get("BYSTACK_ENGINE", "")),
]
