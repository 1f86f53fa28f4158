"""A fault of a configuration: where it lies, what is there, what was expected, what was meant."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

SHOWN = 60


class ConfigError(NamedTuple):
    """One fault of a configuration."""

    file: str
    table: str
    key: str
    given: str
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        place = (
            f"{self.file}: [{self.table}] {self.key}" if self.table else f"{self.file}: {self.key}"
        )
        given = f" is {self.given}" if self.given else ""
        hint = f"; did you mean {self.hint}?" if self.hint else ""
        return f"{place.rstrip()}{given}, expected {self.expected}{hint}"


class ConfigErrors(Exception):
    """Everything that is wrong with a configuration, in `errors`."""

    def __init__(self, errors: tuple[ConfigError, ...]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


def shown_value(value: Any) -> str:
    """A value as an error tells it: JSON, cut where it is long."""
    try:
        text = msgspec.json.encode(value, enc_hook=str).decode()
    except RecursionError:
        return "nested too deep to show"
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def nearest(word: str, known: list[str]) -> str:
    """The known word that is most like `word`; empty where none is."""
    import difflib  # wanted only where somebody mistyped

    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), "")
