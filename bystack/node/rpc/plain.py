"""The types of wire values as `to_plain` shows them, so that results made of them have fields too.

A field's bytes are hex, a sequence is a list, a wire is an object. A union of wires is one object
with its `kind`: fields that only some kinds have may be missing.
"""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from msgspec import Meta

from bystack.ledger import policies
from bystack.node.rpc.kinds import Hash, Hex
from bystack.primitives.codec import Wire

ID = 32


class PolicyNode(TypedDict):
    """A policy: a node of a tree. Which fields there are follows from its kind."""

    kind: Annotated[str, Meta(description="Key, Bls, Thresh, All, Any, After, Older or Sha256")]
    key: NotRequired[Hex]
    k: NotRequired[Annotated[int, Meta(description="how many of `subs`")]]
    subs: NotRequired[list[PolicyNode]]
    height: NotRequired[int]
    blocks: NotRequired[int]
    hash: NotRequired[Hash]


POLICY = frozenset(get_args(policies.Policy))


def plain(kind: Any, name: str = "") -> Any:
    """The type of the plain form of a field, a wire or a union of wires, which `name` names."""
    match get_origin(kind):
        case origin if origin is Annotated:
            inner, *notes = get_args(kind)
            return _bytes(notes) if inner is bytes else plain(inner)
        case origin if origin is tuple:
            item: Any = plain(get_args(kind)[0])
            return list[item]
        case origin if origin in (Union, UnionType):
            return _union(tuple(get_args(kind)), name)
    if kind is bytes:
        return Hex
    return _wire(kind) if isinstance(kind, type) and issubclass(kind, Wire) else kind


def _bytes(notes: list[Any]) -> Any:
    sizes = {(one.min_length, one.max_length) for one in notes if isinstance(one, Meta)}
    return Hash if (ID, ID) in sizes else Hex


@cache
def _wire(kind: type[Wire]) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    fields = {name: plain(hints[name]) for name in kind.__struct_fields__}
    tag = {"kind": Literal[kind.__name__]} if kind.__struct_config__.tag is not None else {}
    return _named(kind.__name__, kind, {**tag, **fields})


@cache
def _union(kinds: tuple[type[Wire], ...], name: str) -> Any:
    if POLICY.issuperset(kinds):
        return PolicyNode
    forms = [get_type_hints(_wire(one), include_extras=True) for one in kinds]
    fields: dict[str, Any] = {"kind": Literal[tuple(one.__name__ for one in kinds)]}
    for one in dict.fromkeys(one for form in forms for one in form if one != "kind"):
        found = list(dict.fromkeys(form[one] for form in forms if one in form))
        field = found[0] if len(found) == 1 else Any
        fields[one] = field if all(one in form for form in forms) else NotRequired[field]
    made = _named(name or "".join(one.__name__ for one in kinds[:3]), kinds[0], fields)
    made.__doc__ = "One of several; which fields there are follows from its kind."
    return made


def _named(name: str, like: type[Wire], fields: dict[str, Any]) -> Any:
    made = TypedDict(name, fields)  # type: ignore[misc]
    made.__module__, made.__doc__ = like.__module__, like.__doc__
    return made
