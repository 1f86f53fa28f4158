"""The tables of the pages on consensus, sidechains, pegs and federation, read as types.

An encoding is judged by nothing but these tables: if a page forgot a field, a tag or a bound, the
golden bytes of that type would not be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

PAGES = Path(__file__).parents[2] / "docs" / "protocol"
NAMES = ("consensus", "sidechain", "pegs", "federation")
BELOW = ("encoding", "ledger", "mainchain", "peers")

_HEAD = re.compile(r"^\*\*`(\w+)`\*\*(?: \((?:tag (\d+))?(?:, )?(?:`(\w+)\.hex`)?\))?")
_UNION = re.compile(r"^\*\*`(\w+)`\*\* is one of (.*)$", re.S)
_ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| .+ \|$")
_SPAN = re.compile(r"^(bytes|str|int|list) ?(?:≤ ([\d_]+)|(-?\d+)(?:…([\d_]*))?)?(?: of (.+))?$")


class Table(NamedTuple):
    """A type as a page shows it: `tag` −1 for none, `golden` empty for none."""

    page: str
    name: str
    tag: int
    golden: str
    fields: tuple[tuple[str, str], ...]


class Refused(Exception):
    """The bytes are not of the type."""


def paragraphs(page: str) -> list[str]:
    """A page's paragraphs, tables among them."""
    return re.split(r"\n\n+", (PAGES / f"{page}.md").read_text().strip())


def tables_of(page: str) -> Iterator[Table]:
    """The types of a page, in its order."""
    parts = paragraphs(page)
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        head = _HEAD.match(part)
        if head is None or _UNION.match(part):
            continue
        rows = following.splitlines()[2:] if following.startswith("| field |") else []
        fields = [(row[1], row[2]) for row in map(_ROW.match, rows) if row]
        assert len(fields) == len(rows), f"{page}: {part}"
        yield Table(page, head[1], int(head[2] or -1), head[3] or "", tuple(fields))


@cache
def unions() -> dict[str, list[str]]:
    """The unions by name."""
    found = (_UNION.match(part) for page in (*BELOW, *NAMES) for part in paragraphs(page))
    return {one[1]: re.findall(r"`(\w+)`", one[2]) for one in found if one}


@cache
def every() -> tuple[Table, ...]:
    """All types of all pages."""
    return tuple(table for name in (*BELOW, *NAMES) for table in tables_of(name))


def named(name: str) -> list[Table]:
    """The types of a name: a few names are used twice."""
    return [table for table in every() if table.name == name]


def check(kind: str, value: Any) -> None:
    """Refuse a value that the text of a type does not allow."""
    if kind in SIMPLE:
        return need(type(value) is int and 0 <= value <= SIMPLE[kind], kind, value)
    if kind.startswith("["):
        parts = kind[1:-1].split(", ")
        need(isinstance(value, tuple) and len(value) == len(parts), kind, value)
        for part, one in zip(parts, value, strict=True):
            check(part, one)
    elif kind.startswith("`"):
        check_names(re.findall(r"`(\w+)`", kind), value)
    else:
        check_span(kind, value)


def check_span(kind: str, value: Any) -> None:
    """As `check`, for bytes, texts, integers and lists with their bounds."""
    found = _SPAN.match(kind)
    assert found, kind
    what, most, low, high, inner = found.groups()
    need(isinstance(value, KINDS[what]), kind, value)
    size = value if what == "int" else len(value)
    least = int(low) if low else 0
    top = int(most or high) if most or high else least if low and high is None else size
    need(least <= size <= top, kind, value)
    for one in value if what == "list" else ():
        check(inner, one)


def check_names(names: list[str], value: Any) -> None:
    """As `check`, for a type by name, or one of several; a few names are of two types."""
    members = [one for name in names for one in unions().get(name, [name])]
    faults = []
    for table in (table for name in members for table in named(name)):
        try:
            return check_table(table, value)
        except Refused as fault:
            faults.append(f"{table.name}: {fault}")
    raise Refused(f"{names}: {'; '.join(faults)}")


def check_table(table: Table, value: Any) -> None:
    """As `check`, for a type of a table."""
    need(isinstance(value, tuple), table.name, value)
    if table.tag >= 0:
        need(value[:1] == (table.tag,), table.name, value[:1])
        value = value[1:]
    need(len(value) == len(table.fields), table.name, len(value))
    for (_, kind), one in zip(table.fields, value, strict=True):
        check(kind, one)


def need(holds: bool, kind: object, value: object) -> None:
    """Raise `Refused` unless it holds."""
    if not holds:
        raise Refused(f"{kind}: {value!r:.80}")


SIMPLE = {"bit": 1, "u8": 2**8 - 1, "u16": 2**16 - 1, "u32": 2**32 - 1, "u63": 2**63 - 1}
KINDS: dict[str, Callable[..., Any] | type] = {
    "bytes": bytes,
    "str": str,
    "int": int,
    "list": tuple,
}
