"""Types of parameters that many methods share, each with a pattern, a sentence and an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, TypeVar

from msgspec import Meta

from bystack.node.ipc.errors import RemoteError
from bystack.node.rpc.codes import UNDECODABLE
from bystack.primitives.errors import Invalid

T = TypeVar("T")

SOME_HASH: Final = "1f" * 32

Hex = Annotated[
    str,
    Meta(pattern=r"^([0-9a-fA-F]{2})*\Z", description="bytes in hex", examples=["00ff"]),
]
Hash = Annotated[
    str,
    Meta(pattern=r"^[0-9a-fA-F]{64}\Z", description="a 32-byte id in hex", examples=[SOME_HASH]),
]
Height = Annotated[int, Meta(ge=0, le=2**63 - 1, description="a block height", examples=[1])]
Amount = Annotated[
    str,
    Meta(pattern=r"^[0-9]{1,20}(\.[0-9]{1,18})?\Z", description="an amount", examples=["0.5"]),
]


def decoded(data: Hex, read: Callable[[bytes], T], what: str) -> T:
    """What hex from a client stands for; raises `RemoteError` (-22) for anything else."""
    try:
        return read(bytes.fromhex(data))
    except Invalid as error:
        facts = {"rule": error.rule}
        raise RemoteError(UNDECODABLE, f"{what} decode failed: {error}", facts) from None
