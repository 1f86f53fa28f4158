"""The parameters of a module's query: a stranger's, so each is checked before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from bystack.primitives.errors import Invalid

HexId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""32 bytes in hex."""

T = TypeVar("T")


class QueryInvalid(Invalid):
    """The query's parameters are not what it asks for."""


def asked(kinds: type[T], params: Sequence[Any]) -> T:
    """The parameters as a tuple of these types; raises `QueryInvalid`."""
    try:
        return msgspec.convert(list(params), kinds, strict=True)
    except msgspec.ValidationError as error:
        raise QueryInvalid(reason=str(error)) from None
