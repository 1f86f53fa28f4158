"""Holds an answer against the type that the reference says it has."""

from __future__ import annotations

import types
from typing import (
    Annotated,
    Any,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec


def hold(result: Any, kind: Any) -> None:
    """Raise where an answer is of another type, or has a field that its type does not name."""
    msgspec.convert(result, kind)
    for fault in _unnamed(result, kind):
        raise AssertionError(f"{fault} is not in the reference")


def faults_of(result: Any, kind: Any) -> list[str]:
    """The faults of what a function returns, before it is JSON; what never is JSON has none."""
    try:
        said = msgspec.json.encode(result)
    except (TypeError, ValueError, OverflowError):
        return []
    try:
        hold(msgspec.json.decode(said), kind)
    except (AssertionError, msgspec.ValidationError) as error:
        return [str(error)]
    return []


def _unnamed(value: Any, kind: Any) -> list[str]:
    while get_origin(kind) in (Annotated, NotRequired):
        kind = get_args(kind)[0]
    if is_typeddict(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        more = [f"{kind.__name__}.{name}" for name in value if name not in hints]
        inner = [_unnamed(value[name], hints[name]) for name in value if name in hints]
    elif get_origin(kind) is list and isinstance(value, list):
        more, inner = [], [_unnamed(one, get_args(kind)[0]) for one in value]
    elif get_origin(kind) is dict and isinstance(value, dict):
        more, inner = [], [_unnamed(one, get_args(kind)[1]) for one in value.values()]
    elif get_origin(kind) in (Union, types.UnionType):
        fits = [one for one in get_args(kind) if _fits(value, one)]
        more, inner = [], [_unnamed(value, one) for one in fits[:1]]
    else:
        return []
    return [*more, *(fault for faults in inner for fault in faults)]


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
