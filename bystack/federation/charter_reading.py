"""Reading a charter's TOML strictly: every fault at once, with its place and what was expected."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from bystack.primitives.errors import Invalid

CHARTER_LIMIT = 64 << 10
_amount = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,18})?")
_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


class Fault(NamedTuple):
    """One thing wrong: where (a dotted path), what stands there, what was expected."""

    where: str
    given: str
    expected: str

    def __str__(self) -> str:
        return f"{self.where}: {self.given}; expected {self.expected}"


class CharterInvalid(Invalid):
    """The charter breaks rules; every fault is named."""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults, in order of the file."""
        found: tuple[Fault, ...] = self.facts["found"]  # type: ignore[assignment]
        return found

    def __str__(self) -> str:
        return "\n".join([super().__str__().split(" (")[0], *(str(each) for each in self.faults)])


def load_toml(data: bytes) -> dict[str, Any]:
    """The tables of a charter's bytes; raises `CharterInvalid` for what is no TOML."""
    if len(data) > CHARTER_LIMIT:
        _refuse(f"{len(data)} bytes", f"at most {CHARTER_LIMIT} bytes")
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        _refuse(str(error), "a TOML file in UTF-8")


def _refuse(given: str, expected: str) -> NoReturn:
    raise CharterInvalid(found=(Fault("charter", given, expected),))


def fraction(text: str, decimals: int) -> int | None:
    """A decimal number as an integer of 10**-decimals, or None if it is none or too fine."""
    if not _amount.fullmatch(text):
        return None
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    return None if len(rest) > decimals else int(whole + rest.ljust(decimals, "0"))


@dataclass
class Table:
    """One table being read: what is asked of it is taken, and `close` refuses the rest."""

    where: str
    values: Mapping[str, Any]
    faults: list[Fault]
    asked: list[str] = field(default_factory=list)

    def fault(self, key: str, given: object, expected: str) -> None:
        """Note that the value at `key` is wrong."""
        path = f"{self.where}.{key}" if self.where and key else self.where or key
        shown = "nothing" if given is None else f"given {given!r}"
        self.faults.append(Fault(path, shown, expected))

    def _take(self, key: str) -> Any:
        self.asked.append(key)
        return self.values.get(key)

    def text(self, key: str, expected: str) -> str:
        """A non-empty string."""
        value = self._take(key)
        if isinstance(value, str) and value:
            return value
        self.fault(key, value, expected)
        return ""

    def name(self, key: str) -> str:
        """A name of letters, digits, dot, dash and underscore."""
        expected = "a name of 1 to 32 letters, digits, '.', '-' and '_'"
        value = self.text(key, expected)
        if value and not _name.fullmatch(value):
            self.fault(key, value, expected)
        return value

    def number(self, key: str, least: int, most: int, default: int | None = None) -> int:
        """A whole number in a range; `default` if absent and there is one."""
        value = self._take(key)
        if value is None and default is not None:
            return default
        if type(value) is int and least <= value <= most:
            return value
        self.fault(key, value, f"a whole number from {least} to {most}")
        return least

    def numbers(self, key: str, least: int, most: int) -> tuple[tuple[str, int], ...]:
        """A table of name to whole number in a range; empty if absent."""
        inner = self.table(key, optional=True)
        if inner is None:
            return ()
        for name in inner.values:
            if not _name.fullmatch(name):
                inner.fault(name, name, "a name of 1 to 32 letters, digits, '.', '-' and '_'")
        return tuple((name, inner.number(name, least, most)) for name in inner.values)

    def amounts(self, key: str) -> tuple[tuple[str, str], ...]:
        """A table of asset name to amount as a decimal string, amounts above zero."""
        inner = self.table(key, optional=True)
        if inner is None:
            return ()
        for asset, amount in inner.values.items():
            positive = isinstance(amount, str) and fraction(amount, 18)
            if not _name.fullmatch(asset) or not positive:
                inner.fault(asset, amount, 'an amount above 0 as a string, such as "12.5"')
        return tuple((asset, str(amount)) for asset, amount in inner.values.items())

    def table(self, key: str, *, optional: bool = False) -> Table | None:
        """An inner table."""
        value = self._take(key)
        if isinstance(value, dict):
            return Table(f"{self.where}.{key}" if self.where else key, value, self.faults)
        if value is not None or not optional:
            self.fault(key, value, f"a table [{key}]")
        return None

    def tables(self, key: str, most: int) -> list[Table]:
        """A list of tables, 1 to `most`."""
        value = self._take(key)
        given = value if isinstance(value, list) else []
        if 1 <= len(given) <= most and all(isinstance(each, dict) for each in given):
            return [Table(f"{key}[{n}]", each, self.faults) for n, each in enumerate(given)]
        self.fault(key, value, f"1 to {most} tables [[{key}]]")
        return []

    def close(self) -> None:
        """Refuse every key that was not asked for, with the nearest one that exists."""
        for key in self.values:
            if key not in self.asked:
                self.fault(key, key, f"one of {', '.join(self.asked)}{_nearest(key, self.asked)}")


def _nearest(key: str, known: Sequence[str]) -> str:
    import difflib  # wanted only where somebody mistyped

    close = difflib.get_close_matches(key, known, 1)
    return f" – did you mean {close[0]!r}?" if close else ""
