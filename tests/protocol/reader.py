"""A second reader and writer of the wire, after docs/protocol/encoding.md and the tables alone.

Values are dicts with the type's name under "type". Nothing of the program is imported here.
"""

import re
from typing import Any

import msgpack

from tests.protocol.pages import PAGES, Field, Table

WHOLE = {"bit": 1, "u8": 2**8 - 1, "u16": 2**16 - 1, "u32": 2**32 - 1, "u63": 2**63 - 1}
BOUND = r"(?: (?:(?P<low>\d+)…(?P<high>\d+)|≤ (?P<most>\d+)|≥ (?P<least>\d+)|(?P<exact>\d+)))?"
SIZED = re.compile(rf"^(?P<kind>bytes|str){BOUND}$")
LIST = re.compile(rf"^list{BOUND} of (?P<item>.+)$")
PAIR = re.compile(r"^\[([^,]+), ([^,]+)\]$")
INTEGER = re.compile(r"^int (\d+)…(\d+)$")
LEVELS = 8


class Refused(Exception):
    """The bytes are not the one encoding of a value of the type."""


def read(name: str, data: bytes, limit: int = 64_000_000) -> Any:
    """The value of the table or union `name`."""
    if len(data) > limit:
        raise Refused("TooLong")
    value = value_of(f"`{name}`", unpacked(data))
    if write(value) != data:
        raise Refused("NotCanonical")
    return value


def unpacked(data: bytes) -> Any:
    try:
        return msgpack.unpackb(data, raw=False, use_list=True)
    except (ValueError, msgpack.UnpackException, RecursionError, TypeError) as error:
        raise Refused(f"Malformed: {error}") from None


def write(value: Any) -> bytes:
    """The encoding of a value, or of a list or tuple of values."""
    packed: bytes = msgpack.packb(plain(value), use_bin_type=True)
    return packed


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        table = PAGES.tables[value["type"]]
        tag = [] if table.tag < 0 else [table.tag]
        return [*tag, *(plain(value[field.name]) for field in table.fields)]
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def value_of(kind: str, raw: Any, level: int = 1) -> Any:
    """The value that unpacked data stands for, of a type as the tables write it."""
    if kind.startswith("`"):
        return struct(kind.strip("`"), raw, level)
    if kind in WHOLE:
        return integer(raw, 0, WHOLE[kind])
    if found := INTEGER.match(kind):
        return integer(raw, int(found[1]), int(found[2]))
    if found := SIZED.match(kind):
        return sized(raw, {"bytes": bytes, "str": str}[found["kind"]], found)
    if found := LIST.match(kind):
        items = sized(raw, list, found)
        return [value_of(found["item"], one, level) for one in items]
    pair = PAIR.match(kind)
    assert pair, kind
    if type(raw) is not list or len(raw) != 2:
        raise Refused("Malformed: pair")
    return [value_of(pair[1], raw[0], level), value_of(pair[2], raw[1], level)]


def integer(raw: Any, low: int, high: int) -> int:
    if type(raw) is not int or not low <= raw <= high:
        raise Refused(f"Malformed: {raw!r} is not from {low} to {high}")
    return raw


def sized(raw: Any, kind: type, bound: re.Match[str]) -> Any:
    if type(raw) is not kind:
        raise Refused(f"Malformed: no {kind.__name__}")
    exact = bound["exact"]
    low = int(exact or bound["low"] or bound["least"] or 0)
    high = int(exact or bound["high"] or bound["most"] or 2**32 - 1)
    if not low <= len(raw) <= high:
        raise Refused(f"Malformed: length {len(raw)} is not from {low} to {high}")
    return raw


def struct(name: str, raw: Any, level: int) -> dict[str, Any]:
    if type(raw) is not list:
        raise Refused(f"Malformed: no array for {name}")
    table = member(name, raw) if name in PAGES.unions else PAGES.tables[name]
    values = raw
    if table.tag >= 0:
        if not raw or type(raw[0]) is not int or raw[0] != table.tag:
            raise Refused(f"Malformed: tag of {table.name}")
        values = raw[1:]
    if len(values) != len(table.fields):
        raise Refused(f"Malformed: {table.name} has {len(table.fields)} fields")
    policy = table.name in PAGES.unions["Policy"]
    if policy and level > LEVELS:
        raise Refused("PolicyInvalid")
    deeper = level + 1 if policy else 1
    found = {
        field.name: one(field, raw, deeper) for field, raw in zip(table.fields, values, strict=True)
    }
    return {"type": table.name, **found}


def one(field: Field, raw: Any, level: int) -> Any:
    value = value_of(field.type, raw, level)
    if field.pattern and not re.fullmatch(field.pattern, value):
        raise Refused(f"Malformed: {field.name}")
    return value


def member(union: str, raw: list[Any]) -> Table:
    for name in PAGES.unions[union]:
        if raw and type(raw[0]) is int and raw[0] == PAGES.tables[name].tag:
            return PAGES.tables[name]
    raise Refused(f"Malformed: no tag of {union}")
