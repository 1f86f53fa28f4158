"""Texts and numbers that strangers chose, as a database takes them.

What a module says in its events is bound by no rule of ours: a single value that a column cannot
hold would stop the index at that block for ever.
"""

from __future__ import annotations

from typing import Any, Final

LONGEST_KEY: Final = 200
"""Characters of a text that is looked up by: an index of PostgreSQL takes 2,704 bytes at most."""
MOST: Final = 2**63 - 1


def plain(text: str) -> str:
    """A text without NUL, which PostgreSQL cannot hold: a single one would stop the index."""
    return text.replace("\0", "\ufffd")


def key(value: Any) -> str | None:
    """A text to be looked up by, cut where it is longer than any of ours; None for no text."""
    return plain(value)[:LONGEST_KEY] if isinstance(value, str) else None


def whole(value: Any) -> int | None:
    """A number that 64 bits hold; None for anything else."""
    return value if type(value) is int and 0 <= value <= MOST else None


def plain_facts(value: Any) -> Any:
    """The same for every text in JSON data, names included."""
    match value:
        case str():
            return plain(value)
        case list():
            return [plain_facts(one) for one in value]
        case dict():
            return {plain(str(name)): plain_facts(one) for name, one in value.items()}
        case _:
            return value
