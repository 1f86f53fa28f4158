"""What the main chain answers to miners, field by field: the names of BIPs 22 and 23."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.mainchain.shapes import Seconds
from bystack.node.rpc import Hash, Hex

Smallest = Annotated[int, Meta(description="in 10**-8 BTM")]


class Chosen(TypedDict):
    """A transaction of the next block."""

    data: Hex
    txid: Hash
    hash: Hash
    depends: Annotated[list[int], Meta(description="those it builds on, counted from 1")]
    fee: Smallest
    weight: int
    blschecks: int


class CoinbaseText(TypedDict):
    """The coinbase of a block to be searched."""

    data: Hex
    txid: Hash
    hash: Hash


class Template(TypedDict):
    """`getblocktemplate`. With an `address` also a header to be searched: `header`, `workid`,
    `coinbasetxn`."""

    capabilities: list[str]
    mutable: list[str]
    rules: list[str]
    version: int
    height: int
    previousblockhash: Hash
    historyroot: Hash
    transactions: list[Chosen]
    coinbasevalue: Smallest
    coinbaseaction: Hex
    transactionbranch: Annotated[list[Hash], Meta(description="siblings, from the leaf up")]
    witnessbranch: Annotated[list[Hash], Meta(description="siblings, from the leaf up")]
    target: Hash
    bits: Hex
    mintime: Seconds
    maxtime: Seconds
    curtime: Seconds
    noncerange: Hex
    weightlimit: int
    blschecklimit: int
    work: str
    seed: Hash
    headertag: str
    longpollid: str
    header: NotRequired[Hex]
    workid: NotRequired[str]
    coinbasetxn: NotRequired[CoinbaseText]


class Worker(TypedDict):
    """A process of the built-in miner."""

    pid: int
    hashespersec: float
    restarts: int


class MiningInfo(TypedDict):
    """`getmininginfo`, `setgenerate`."""

    blocks: int
    currentblocktx: int
    currentblockweight: int
    difficulty: float
    bits: Hex
    target: Hash
    networkhashps: float
    hashespersec: Annotated[float, Meta(description="the built-in miner's")]
    generate: bool
    genproclimit: int
    workers: list[Worker]
    blocksfound: int
    work: str
    pooledtx: int
    chain: str
    errors: str
    warnings: str


class Generated(TypedDict):
    """`generateblock`."""

    hash: Hash


class Saved(TypedDict):
    """`savemempool`."""

    filename: str
