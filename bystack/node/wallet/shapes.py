"""What the wallet's methods answer, field by field: for help and the OpenRPC document.

A test holds what the methods answer against these shapes.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex

Amount = Annotated[int | float | str, Meta(description="a number if exact, else text")]
AssetId = Annotated[str, Meta(description="an asset's id")]


class Opened(TypedDict):
    """`createwallet`, `loadwallet`."""

    name: str
    warning: str
    mnemonic: NotRequired[Annotated[str, Meta(description="a new phrase, told this once")]]


class Unspent(TypedDict):
    """One of `listunspent`."""

    txid: Hash
    vout: int
    address: str | None
    label: Any
    spendable: bool
    asset: AssetId
    name: str
    units: Annotated[int, Meta(description="base units")]
    amount: Amount
    height: NotRequired[int]
    confirmations: NotRequired[int]
    account: NotRequired[str]


class Movement(TypedDict):
    """One of `listtransactions`: what a transaction moved of one asset."""

    txid: Hash
    category: Annotated[str, Meta(description="send, receive, self, generate or immature")]
    asset: AssetId
    name: str
    amount: Annotated[int | float | str, Meta(description="below zero for what went")]
    confirmations: int
    time: Annotated[int, Meta(description="Unix time")]
    fee: NotRequired[int | float | str]
    address: NotRequired[str | None]
    label: NotRequired[Any]
    vout: NotRequired[int]
    blockheight: NotRequired[int]
    blocktime: NotRequired[int]
    comment: NotRequired[str]
    to: NotRequired[str]
    abandoned: NotRequired[bool]


class Funded(TypedDict):
    """`walletcreatefundedpst`."""

    pst: Annotated[str, Meta(description="the draft as text")]
    fee: Any


class Standing(TypedDict):
    """`finalizepst`, `walletprocesspst`: the draft, and the transaction once it is whole."""

    pst: str
    complete: bool
    next: Annotated[str, Meta(description="whose turn it is")]
    txid: NotRequired[Hash]
    hex: NotRequired[Hex]
