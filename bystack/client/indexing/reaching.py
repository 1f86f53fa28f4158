"""How a database is reached, without its password; and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

MASK: Final = "***"
SAY: Final = "postgresql://USER@HOST/DATABASE"


class DatabaseDown(Exception):
    """The database went away, or cannot do it now: it may be asked again."""


class DatabaseRefused(Exception):
    """The database cannot take this chain; the message says why and what to do."""


def masked(text: str, secrets: Iterable[str]) -> str:
    """A text without these passwords, as they are and as an address writes them."""
    for secret in sorted({one for one in secrets if one}, key=len, reverse=True):
        for form in (quote(secret, safe=""), quote(secret), secret):
            text = text.replace(form, MASK)
    return text
