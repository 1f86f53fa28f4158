"""Wire values as plain data for people: field names, bytes as hex, unions by `kind`.

The form of RPC results and of genesis files; never hashed. `to_plain` and `from_plain` are each
other's inverse for every `Wire` type whose fields are integers, bytes, strings, tuples, wires and
unions of wires.
"""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from bystack.primitives.codec import Wire, decode, encode
from bystack.primitives.errors import Invalid

_LIMIT = 64_000_000


class PlainInvalid(Invalid):
    """A field of the plain form is missing, unknown or of the wrong kind."""


def to_plain(value: Any) -> Any:
    """Plain data (dict, list, int, str) that `from_plain` reads back."""
    match value:
        case Wire():
            return _wire_to_plain(value)
        case bytes():
            return value.hex()
        case tuple() | list():
            return [to_plain(item) for item in value]
        case _:
            return value


def _wire_to_plain(value: Wire) -> dict[str, Any]:
    fields = {name: to_plain(getattr(value, name)) for name in value.__struct_fields__}
    tagged = value.__struct_config__.tag is not None
    return {"kind": type(value).__name__, **fields} if tagged else fields


def from_plain(kind: Any, plain: Any, path: str = "") -> Any:
    """The value of type `kind` that `plain` describes; raises `PlainInvalid` naming the field.

    Bounds of the type are checked by a round trip through the codec.
    """
    value = _build(kind, plain, path)
    if isinstance(value, Wire):
        return decode(type(value), _encoded(value, path), _LIMIT)
    return value


def _encoded(value: Wire, path: str) -> bytes:
    try:
        return encode(value)
    except OverflowError:
        raise PlainInvalid(field=path, expected="integers below 2**64") from None


def _build(kind: Any, plain: Any, path: str) -> Any:
    origin = get_origin(kind)
    if origin is Annotated:
        return _build(get_args(kind)[0], plain, path)
    if origin is tuple:
        return _sequence(get_args(kind)[0], plain, path)
    if origin in (Union, UnionType):
        return _union(get_args(kind), plain, path)
    if isinstance(kind, type) and issubclass(kind, Wire):
        tagged = kind.__struct_config__.tag is not None
        return _union((kind,), plain, path) if tagged else _wire(kind, plain, path)
    return _scalar(kind, plain, path)


def _sequence(item: Any, plain: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(plain, list | tuple):
        raise PlainInvalid(field=path, expected="list", given=type(plain).__name__)
    return tuple(_build(item, entry, f"{path}[{i}]") for i, entry in enumerate(plain))


def _union(kinds: tuple[Any, ...], plain: Any, path: str) -> Any:
    name = plain.get("kind") if isinstance(plain, dict) else None
    for kind in kinds:
        if kind.__name__ == name:
            return _wire(kind, {k: v for k, v in plain.items() if k != "kind"}, path)
    raise PlainInvalid(field=f"{path}.kind", expected=[k.__name__ for k in kinds], given=name)


def _wire(kind: type[Wire], plain: Any, path: str) -> Wire:
    if not isinstance(plain, dict):
        raise PlainInvalid(field=path, expected="table", given=type(plain).__name__)
    hints = _hints(kind)
    wrong = sorted(set(hints) ^ set(plain))
    if wrong:
        raise PlainInvalid(field=f"{path}.{wrong[0]}", expected=sorted(hints))
    return kind(**{name: _build(hints[name], plain[name], f"{path}.{name}") for name in hints})


def _scalar(kind: Any, plain: Any, path: str) -> Any:
    if kind is bytes and isinstance(plain, str):
        try:
            return bytes.fromhex(plain)
        except ValueError:
            raise PlainInvalid(field=path, expected="hex", given=plain) from None
    if kind in (int, str) and type(plain) is kind:
        return plain
    raise PlainInvalid(field=path, expected=getattr(kind, "__name__", kind), given=plain)


@cache
def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}
