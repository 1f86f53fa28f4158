"""A member's secrets as values that never print themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from bystack.federation.members import MAX_WEIGHT, Index
from bystack.primitives.codec import Bytes32, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator


class Secret(Wire):
    """A wire struct whose printed forms show its name and nothing it holds."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(redacted)"

    __str__ = __repr__

    def __rich_repr__(self) -> Iterator[str]:  # what rich prints instead of the repr
        yield "redacted"


class KeyShare(Secret):
    """One share of a group key: the key's id (its session's), the share's index, the scalar."""

    key: Bytes32
    index: Index
    secret: Bytes32


KeyShares = Annotated[tuple[KeyShare, ...], Meta(max_length=MAX_WEIGHT)]
