"""A member's secrets as values that never print themselves."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.federation.members import MAX_WEIGHT, Index
from bystack.primitives.codec import Bytes32, Wire


class Secret(Wire):
    """A wire struct whose printed forms show its name and nothing it holds."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(redacted)"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # what rich prints instead of the repr
        return []


class KeyShare(Secret):
    """One share of a group key: the key's id (its session's), the share's index, the scalar."""

    key: Bytes32
    index: Index
    secret: Bytes32


KeyShares = Annotated[tuple[KeyShare, ...], Meta(max_length=MAX_WEIGHT)]
