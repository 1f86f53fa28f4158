"""Texts that strangers chose, as a database takes them."""

from __future__ import annotations

from typing import Any


def plain(text: str) -> str:
    """A text without NUL, which PostgreSQL cannot hold: a single one would stop the index."""
    return text.replace("\0", "\ufffd")


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
