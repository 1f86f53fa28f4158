"""What a sidechain's methods answer, field by field: for help and the OpenRPC document.

A test holds what the methods answer against these shapes.
"""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.mainchain.shapes import Action, Address, Amount, Input, Output, Seconds
from bystack.node.rpc import Hash, Hex
from bystack.node.rpc.wires import Lock
from bystack.node.sidechain.rpc.wires import Asset, AssetNumbers

Milliseconds = Annotated[int, Meta(description="Unix time in milliseconds")]
Index = Annotated[int, Meta(description="a validator's place in its set")]


class ChainInfo(TypedDict):
    """`getblockchaininfo` of a sidechain."""

    chain: str
    chain_id: Hash
    blocks: Annotated[int, Meta(description="height of the last final block")]
    headers: int
    bestblockhash: Hash
    time: Seconds
    mediantime: Seconds
    epoch: int
    size_on_disk: Annotated[int, Meta(description="bytes")]
    pruned: bool
    warnings: str


class Relay(TypedDict):
    """The main chain as the sidechain knows it."""

    height: int
    tip: Hash


class ChainSync(TypedDict):
    """How a node catches up: by blocks, by epochs and then a snapshot, or not at all."""

    mode: Annotated[str, Meta(description="none, blocks, epochs or snapshot")]
    height: int
    target: int
    first: Annotated[int, Meta(description="the first block that is kept")]
    snapshots: Annotated[list[int], Meta(description="heights of those that are kept")]
    epoch: NotRequired[int]
    snapshot: NotRequired[int]
    givers: NotRequired[int]
    chunks: NotRequired[int]
    of: NotRequired[int]


class SidechainInfo(TypedDict):
    """`getsidechaininfo`."""

    name: str
    chain_id: Hash
    hrp: Annotated[str, Meta(description="the prefix of its addresses")]
    mainchain: str
    vault: Hash
    blocks: int
    bestblockhash: Hash
    time: Seconds
    epoch: int
    view: int
    since_final: Annotated[int | float | None, Meta(description="since the last final block")]
    validator: Annotated[int, Meta(description="this node's index, -1 for one that follows")]
    relay: Relay
    stops: Annotated[list[str], Meta(description="why the pegs stand still")]
    open_batches: list[int]
    assets: list[Asset]
    modules: list[str]
    depth: Annotated[int, Meta(description="main-chain blocks above a deposit to be claimed")]
    engine: str
    warnings: str
    pegin_bp: Annotated[int, Meta(description="basis points")]
    pegout_bp: Annotated[int, Meta(description="basis points")]
    peg_numbers: list[AssetNumbers]
    size_on_disk: int
    sync: ChainSync


class Commit(TypedDict):
    """`getcommit`."""

    height: int
    blockhash: Hash
    epoch: int
    view: int
    signers: list[Index]
    signature: Hex
    hash: Hash
    hex: Hex
    header: Hex


class BlockHeader(TypedDict):
    """`getblockheader` of a sidechain."""

    hash: Hash
    confirmations: int
    height: int
    version: int
    epoch: int
    time: Seconds
    time_ms: Milliseconds
    merkleroot: Hash
    witnessroot: Hash
    nTx: int
    stateroot: Hash
    outboxroot: Hash
    relaytip: Hash
    parentcertificate: Hash
    validatorshash: Hash
    proposer: Index
    previousblockhash: NotRequired[Hash]
    nextblockhash: NotRequired[Hash]


class Block(BlockHeader):
    """`getblock`; with verbosity 2 `tx` holds transactions."""

    size: int
    tx: list[Hash | Transaction]


class Paid(Output):
    """An output, with its asset's name."""

    name: NotRequired[str]


class Transaction(TypedDict):
    """`getrawtransaction`, `decoderawtransaction`; in a block also where."""

    txid: Hash
    hash: Hash
    version: int
    size: int
    vin: list[Input]
    vout: list[Paid]
    actions: list[Action]
    valid_from: int
    valid_until: int
    memo: Hex
    hex: Hex
    blockhash: NotRequired[Hash]
    height: NotRequired[int]
    confirmations: NotRequired[int]
    time: NotRequired[Milliseconds]


class MempoolInfo(TypedDict):
    """`getmempoolinfo` of a sidechain."""

    loaded: bool
    size: Annotated[int, Meta(description="how many wait")]
    bytes: int
    weight: int


class Entry(TypedDict):
    """`getmempoolentry` of a sidechain."""

    vsize: int
    weight: int
    size: int
    wtxid: Hash
    depends: list[Hash]
    spentby: list[Hash]


class Fees(TypedDict):
    """`estimatesmartfee` of a sidechain."""

    fees: Annotated[
        dict[str, int | float | str], Meta(description="by asset; one of them is enough")
    ]
    blocks: int


class Conviction(TypedDict):
    """`submitevidence`."""

    kind: str
    guilty: list[Index]


class Waits(TypedDict):
    """One of `getrawmempool`, where facts are asked for."""

    weight: int
    depends: list[Hash]
    wtxid: Hash


class Unspent(TypedDict):
    """`gettxout`."""

    bestblock: Hash
    confirmations: int
    asset: Annotated[str, Meta(description="BTM, or an asset's id")]
    units: Annotated[int, Meta(description="base units")]
    lock: Lock
    name: NotRequired[str]
    value: NotRequired[Amount]
    address: NotRequired[Address]
    unit: Annotated[int, Meta(description="the least that can be moved, in base units")]
    coinbase: bool
    height: int


class Submitted(TypedDict):
    """One of `sendrawtransactions`; with why where it was not taken in."""

    txid: Hash
    error: NotRequired[str]
    rule: NotRequired[Annotated[str, Meta(description="the rule's name")]]
