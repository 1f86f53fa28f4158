"""What a subscriber can follow, and how it asks: `[TOPIC, height]`, height null for from now on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from bystack.node.ipc.errors import RemoteError
from bystack.node.rpc.codes import WRONG_TYPE

Topic = Literal["blocks", "transactions", "mempool", "pegs"]
Start = Annotated[int, Meta(ge=0, le=2**53, description="the first block's height")]


class Followed(Struct, frozen=True, array_like=True):
    """A topic of one chain, from a height on."""

    topic: Topic
    height: Start | None = None


def followed(params: list[Any]) -> Followed:
    """What the stream `events` is asked for; raises `RemoteError` (-3)."""
    try:
        return msgspec.convert(params, Followed)
    except msgspec.ValidationError as error:
        raise RemoteError(WRONG_TYPE, f"events: {error}") from None
