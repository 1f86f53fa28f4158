"""What the methods about addresses answer, field by field: for help and the OpenRPC document."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash
from bystack.node.rpc.wires import Lock

AssetName = Annotated[str, Meta(description="BTM, or an asset's id")]
Units = Annotated[int, Meta(description="base units")]


class AddressCoin(TypedDict):
    """An unspent coin of an address."""

    txid: Hash
    vout: int
    asset: AssetName
    units: Units
    lock: Lock
    name: NotRequired[str]
    value: NotRequired[int | float | str]
    address: NotRequired[str]
    height: int
    confirmations: int
    coinbase: bool


class AddressSum(TypedDict):
    """What an address has of an asset, in so many coins."""

    asset: AssetName
    units: Units
    name: NotRequired[str]
    value: NotRequired[int | float | str]
    coins: int


class AddressFlow(TypedDict):
    """What a transaction brought of an asset, below zero what it took."""

    asset: AssetName
    units: Units
    name: NotRequired[str]
    value: NotRequired[int | float | str]
    received: Units
    spent: Units


class AddressPassage(TypedDict):
    """A transaction of an address."""

    txid: Hash
    height: int
    position: Annotated[int | None, Meta(description="in its block; null where the chain gave")]
    confirmations: int
    assets: list[AddressFlow]


class AddressCoins(TypedDict):
    """`getaddressutxos`."""

    address: str
    height: Annotated[int, Meta(description="of the last block")]
    indexed: Annotated[bool, Meta(description="false: found by looking at every coin")]
    coins: list[AddressCoin]
    next: Annotated[str, Meta(description="where the next answer begins; empty: these are all")]


class AddressBalance(TypedDict):
    """`getaddressbalance`."""

    address: str
    height: int
    assets: list[AddressSum]
    whole: Annotated[bool, Meta(description="false: it has more coins than were added up")]


class AddressHistory(TypedDict):
    """`getaddresshistory`."""

    address: str
    height: int
    first: Annotated[int, Meta(description="the first height that the history knows")]
    transactions: Annotated[list[AddressPassage], Meta(description="newest first")]
    next: Annotated[str, Meta(description="where the next answer begins; empty: these are all")]
