"""What the wallet's methods answer, field by field: for help and the OpenRPC document.

A test holds what the methods answer against these shapes.
"""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex

Amount = Annotated[int | float | str, Meta(description="a number if exact, else text")]
AssetId = Annotated[str, Meta(description="an asset's id")]


Seconds = Annotated[int, Meta(description="Unix time")]


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
    label: Annotated[str, Meta(description="empty for none")]
    spendable: bool
    asset: AssetId
    name: str
    units: Annotated[int, Meta(description="base units")]
    amount: Amount
    height: NotRequired[int]
    confirmations: NotRequired[int]
    account: NotRequired[str]


class Movement(TypedDict):
    """One of `listtransactions`: what a transaction moved of one asset; an output that others
    paid to us is one of its own."""

    txid: Hash
    category: Annotated[str, Meta(description="send, receive, self, generate or immature")]
    asset: AssetId
    name: str
    amount: Annotated[int | float | str, Meta(description="below zero for what went")]
    confirmations: int
    time: Annotated[int, Meta(description="Unix time")]
    fee: NotRequired[int | float | str]
    address: NotRequired[str | None]
    label: NotRequired[str]
    vout: NotRequired[Annotated[int, Meta(description="the output, where others paid us")]]
    blockheight: NotRequired[int]
    blocktime: NotRequired[int]
    comment: NotRequired[str]
    to: NotRequired[str]
    abandoned: NotRequired[bool]


class Held(TypedDict):
    """What a wallet has of an asset."""

    asset: AssetId
    units: Annotated[int, Meta(description="what is trusted, in base units")]
    trusted: Annotated[int | float | str, Meta(description="can be spent")]
    untrusted_pending: Amount
    immature: Amount
    reserved: Annotated[int | float | str, Meta(description="set aside for payments and drafts")]


class Balances(TypedDict):
    """`getbalances`."""

    chain: str
    height: int
    mine: Annotated[dict[str, Held], Meta(description="by name")]
    watchonly: NotRequired[Annotated[dict[str, Held], Meta(description="by name")]]


class Place(TypedDict):
    """A coin."""

    txid: Hash
    vout: int


class Part(TypedDict):
    """An output of a transaction of ours."""

    vout: int
    address: str | None
    label: NotRequired[Annotated[str, Meta(description="empty for none")]]
    ismine: bool
    ischange: bool
    asset: AssetId
    name: str
    units: Annotated[int, Meta(description="base units")]
    amount: Amount


class WalletTransaction(TypedDict):
    """`gettransaction`."""

    txid: Hash
    chain: str
    confirmations: int
    time: Seconds
    blockheight: NotRequired[int]
    blocktime: NotRequired[Seconds]
    comment: NotRequired[str]
    to: NotRequired[str]
    abandoned: bool
    replaced_by_txid: NotRequired[Hash]
    movements: list[Movement]
    details: list[Part]
    hex: NotRequired[Hex]


class Since(TypedDict):
    """`listsinceblock`."""

    transactions: list[Movement]
    lastblock: Annotated[str, Meta(description="give it the next time")]


class Gathered(TypedDict):
    """`consolidate`, `sendall`."""

    txids: list[Hash]
    coins: Annotated[int, Meta(description="how many were spent")]
    not_worth_it: Annotated[int, Meta(description="how many cost more than they bring")]
    amount: Amount
    name: str


class Replaced(TypedDict):
    """`bumpfee`."""

    txid: Annotated[str, Meta(description="of the new payment")]
    origfee: Amount
    fee: Amount


class Rescanned(TypedDict):
    """`rescanblockchain`."""

    start_height: int
    stop_height: int


class Deposited(TypedDict):
    """`pegin`."""

    txid: Hash
    vout: int
    chain: str
    recipient: Annotated[str, Meta(description="a policy root on the sidechain")]


class Crossed(TypedDict):
    """`sendtomainchain`, `sendtosidechain`."""

    txid: Hash
    chain: Annotated[str, Meta(description="where it was paid or burned")]
    pegout: NotRequired[Annotated[str, Meta(description="for `getpegoutstatus`")]]


class Unclaimable(TypedDict):
    """`proveunclaimable`."""

    txid: Hash
    pegout: Annotated[str, Meta(description="what paying it back is called")]


class Shared(TypedDict):
    """What was sent; or, where others own it too, the draft for them."""

    txid: NotRequired[Hash]
    pst: NotRequired[str]
    next: NotRequired[Annotated[str, Meta(description="whose turn it is")]]


class Issued(Shared):
    """`issueasset`, `reissueasset`."""

    asset: AssetId
    issuance: Annotated[str, Meta(description="root of the policies that may issue")]


class Retired(TypedDict):
    """`retireasset`."""

    txid: Hash
    vout: int
    asset: AssetId
    units: Annotated[int, Meta(description="base units")]


Owned = TypedDict(
    "Owned",
    {
        "name": str,
        "asset": AssetId,
        "decimals": int,
        "balance": Amount,
        "units": Annotated[int, Meta(description="base units")],
        "class": NotRequired[Annotated[str, Meta(description="byte, atomic, quark or quantum")]],
        "unit": NotRequired[str],
        "serial": NotRequired[Hex],
        "smallest": NotRequired[Amount],
        "cap": NotRequired[Amount],
        "issued": NotRequired[Amount],
        "first_height": NotRequired[int],
        "issuance": NotRequired[Hash],
        "issuers": NotRequired[Annotated[list[str], Meta(description="policies, where known")]],
    },
)
