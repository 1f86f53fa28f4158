"""What the main chain's methods answer, field by field: for help and the OpenRPC document.

Values are made in `forms` and in the methods; a test holds what they answer against these shapes.
"""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from bystack.node.rpc import Hash, Hex
from bystack.node.rpc.wires import Lock, Witness

Amount = Annotated[int | float | str, Meta(description="BTM: a number if exact, else text")]
Rate = Annotated[int | float | str, Meta(description="BTM per 1,000 of weight")]
Seconds = Annotated[int, Meta(description="Unix time")]
Address = Annotated[str, Meta(description="an address")]


class Sync(TypedDict):
    """How a node catches up."""

    blocks_per_second: float
    transactions_per_second: float
    seconds_left: Annotated[int | None, Meta(description="at this speed; null while unknown")]
    peers: int
    transactions: int
    transactions_left: int


class BlockchainInfo(TypedDict):
    """`getblockchaininfo`."""

    chain: Annotated[str, Meta(description="the network's name")]
    chain_id: Hash
    magic: NotRequired[Hex]
    hrp: NotRequired[Annotated[str, Meta(description="the prefix of its addresses")]]
    mode: NotRequired[str]
    blocks: Annotated[int, Meta(description="height of the last block")]
    headers: Annotated[int, Meta(description="height of the best header")]
    bestblockhash: Hash
    difficulty: float
    time: Seconds
    mediantime: Seconds
    verificationprogress: float
    initialblockdownload: bool
    sync: NotRequired[Sync]
    chainwork: Hex
    size_on_disk: Annotated[int, Meta(description="bytes")]
    pruned: bool
    pruneheight: NotRequired[Annotated[int, Meta(description="the first block that is kept")]]
    full_peers: NotRequired[int]
    full_peers_needed: NotRequired[int]
    warnings: str


class BlockHeader(TypedDict):
    """`getblockheader`."""

    hash: Hash
    confirmations: Annotated[int, Meta(description="-1 beside the best chain")]
    height: int
    version: int
    merkleroot: Hash
    witnessroot: Hash
    historyroot: Hash
    time: Seconds
    mediantime: Seconds
    nonce: Hex
    bits: Hex
    difficulty: float
    chainwork: Hex
    nTx: Annotated[int, Meta(description="how many transactions")]
    previousblockhash: NotRequired[Hash]
    nextblockhash: NotRequired[Hash]


class Block(BlockHeader):
    """`getblock`; with verbosity 2 `tx` holds transactions."""

    size: Annotated[int, Meta(description="bytes")]
    weight: NotRequired[int]
    tx: list[Hash | Transaction]


class BlockStats(TypedDict):
    """`getblockstats`; amounts in base units."""

    blockhash: Hash
    height: int
    time: Seconds
    subsidy: int
    totalfee: Annotated[int, Meta(description="what the coinbase took above the subsidy")]
    txs: int
    ins: Annotated[int, Meta(description="outputs spent")]
    outs: int
    total_size: Annotated[int, Meta(description="bytes")]


class Input(TypedDict):
    """What a transaction spends."""

    txid: Hash
    vout: int
    witness: Witness | None


class Action(TypedDict):
    """What a transaction does beside moving coins."""

    kind: int
    body: Hex
    witness: Witness | None


class Coin(TypedDict):
    """An output: `units` are base units, `value` decimal where the decimals are known."""

    asset: Annotated[str, Meta(description="BTM, or an asset's id")]
    units: int
    lock: Lock
    value: NotRequired[Amount]
    address: NotRequired[Address]


class Output(Coin):
    """An output with its index."""

    n: int


class Transaction(TypedDict):
    """`getrawtransaction`, `decoderawtransaction`; in a block also where."""

    txid: Hash
    hash: Hash
    version: int
    size: int
    coinbase: bool
    vin: list[Input]
    vout: list[Output]
    actions: list[Action]
    valid_from: Annotated[int, Meta(description="a height, 0 for any")]
    valid_until: Annotated[int, Meta(description="a height, 0 for any")]
    memo: Hex
    hex: Hex
    blockhash: NotRequired[Hash]
    height: NotRequired[int]
    confirmations: NotRequired[int]
    time: NotRequired[Seconds]
    blocktime: NotRequired[Seconds]


class MempoolInfo(TypedDict):
    """`getmempoolinfo`."""

    loaded: bool
    size: Annotated[int, Meta(description="how many wait")]
    bytes: int
    weight: int
    usage: Annotated[int, Meta(description="bytes of memory")]
    total_fee: Amount
    maxmempool: Annotated[int, Meta(description="bytes of memory")]
    mempoolminfee: Rate
    minrelaytxfee: Rate
    incrementalrelayfee: Rate
    fullrbf: bool
    orphans: int


Entry = TypedDict(
    "Entry",
    {
        "vsize": int,
        "weight": int,
        "size": int,
        "time": Seconds,
        "height": int,
        "ancestorcount": int,
        "ancestorsize": int,
        "descendantcount": int,
        "descendantsize": int,
        "wtxid": Hash,
        "fees": dict[str, Amount],
        "depends": list[Hash],
        "spentby": list[Hash],
        "bip125-replaceable": bool,
    },
)
Verdict = TypedDict(
    "Verdict",
    {
        "txid": Hash,
        "wtxid": Hash,
        "allowed": bool,
        "vsize": NotRequired[int],
        "weight": NotRequired[int],
        "fees": NotRequired[dict[str, Amount]],
        "reject-reason": NotRequired[Annotated[str, Meta(description="the rule's name")]],
        "reject-details": NotRequired[str],
    },
)


class Estimate(TypedDict):
    """`estimatesmartfee`."""

    blocks: int
    feerate: NotRequired[Rate]
    errors: NotRequired[list[str]]
    peers: NotRequired[int]


class PeerInfo(TypedDict):
    """One of `getpeerinfo`."""

    id: int
    nodeid: Hash
    addr: str
    inbound: bool
    conntime: Seconds
    bytessent: int
    bytesrecv: int
    pingtime: Annotated[float | None, Meta(description="seconds")]
    banscore: int | float
    dropped: Annotated[int, Meta(description="frames that its full queue lost")]
    validator: NotRequired[Annotated[int, Meta(description="its index, -1 for one that follows")]]


class NetworkInfo(TypedDict):
    """`getnetworkinfo`."""

    version: str
    subversion: str
    protocolversion: int
    networkactive: bool
    connections: int
    connections_in: int
    connections_out: int
    listening: Annotated[str, Meta(description="host:port")]
    nodeid: Hash
    refused: dict[str, int]
    warnings: str


class Ban(TypedDict):
    """One of `listbanned`."""

    address: str
    banned_until: Seconds


class Unspent(Coin):
    """`gettxout`."""

    bestblock: Hash
    confirmations: int
    unit: Annotated[int, Meta(description="the least that can be moved, in base units")]
    coinbase: bool
    height: int
