"""Types of parameters that many methods share, each with a pattern, a sentence and an example."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

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
