"""The entries that pegs keep in the system state, and the keys they lie under."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from msgspec import Meta

from bystack.ledger.terms import MAX_TERMS
from bystack.ledger.transactions import DepositLock, Outpoint, Output, PolicyLock
from bystack.primitives.codec import U8, U63, Bit, Bytes32, Wire, encode
from bystack.primitives.hashes import fixed, tagged
from bystack.sidechain.state import state_key

MAX_BATCH = 100
MAX_OPEN = 4

_pegout_id = tagged("pegout")
_return_id = tagged("pegout/return")
_record_leaf = tagged("sidechain/record")

Destination = PolicyLock | DepositLock


class Claimed(Wire):
    """A deposit that was minted (or counted as a donation); kept for ever.

    `header`: the main-chain block that held it. `orphaned`: 1 while that block is reorganised away.
    `donation`: 1 where it minted nothing and was counted against a deficit.
    """

    header: Bytes32
    asset: Bytes32
    amount: U63
    orphaned: Bit
    donation: Bit


class PegoutState(IntEnum):
    """Where a peg-out stands."""

    REQUESTED = 0
    BATCHED = 1
    PENDING = 2
    SETTLED = 3
    REFUNDED = 4


class Request(Wire):
    """A burn on its way to the main chain. `payout` = `burned` less `flat` and basis points.

    `tier`: the queue it waits in; `seq`: the batch it is in, while batched; `vetoes`: how often a
    guard sent it back.
    """

    number: U63
    destination: Destination
    asset: Bytes32
    burned: U63
    payout: U63
    flat: U63
    refund: Bytes32
    tier: U8
    state: U8
    seq: U63
    vetoes: U63


class BatchState(IntEnum):
    """Where a batch stands: its seq unspent, spent by its order and delayed, paid, or voided."""

    OPEN = 0
    PENDING = 1
    SETTLED = 2
    VOIDED = 3


class BatchRecord(Wire):
    """The order the federation must sign, as recorded on chain: what a signer checks and signs."""

    vault: Bytes32
    seq: U63
    tier: U8
    outputs: Annotated[tuple[Output, ...], Meta(max_length=MAX_BATCH)]
    requests: Annotated[tuple[Bytes32, ...], Meta(max_length=MAX_BATCH)]


class Batch(Wire):
    """A batch and how far it is. `leaf`: its index in the outbox; `height`: the block of record."""

    record: BatchRecord
    state: U8
    leaf: U63
    height: U63


class Mirror(Wire):
    """The vault as proved so far: the anchor's outpoint and state, the terms, the last spend.

    `height` and `header` name the main-chain block of the last proved anchor spend.
    """

    anchor: Outpoint
    state: Annotated[bytes, Meta(max_length=100_000)]
    terms: Annotated[bytes, Meta(max_length=MAX_TERMS)]
    height: U63
    header: Bytes32


class Sums(Wire):
    """The sidechain's side of the reserves law, per asset.

    `lost`: backing that is gone (orphaned deposits, payouts nobody was owed); `donated`: donations
    counted against it. Both are kept, not their difference, so that each can be taken back when
    the main chain takes back what it rests on, in any order.
    """

    circulating: U63
    pool: U63
    owed: U63
    lost: U63
    donated: U63

    @property
    def deficit(self) -> int:
        """What is lost and not made good."""
        return max(0, self.lost - self.donated)


NO_SUMS = Sums(0, 0, 0, 0, 0)


class Stray(Wire):
    """A deposit that nobody can claim, proved to lie on the main chain: what it holds, and the
    block that holds it. Kept until it is decided to pay it back, or its block is gone."""

    header: Bytes32
    asset: Bytes32
    amount: U63


class Return(Wire):
    """Pay a stray deposit back on the main chain: which one, and to whom."""

    deposit: Outpoint
    destination: Destination


class Loss(Wire):
    """What an order took that is no batch of this sidechain."""

    asset: Bytes32
    amount: U63


class Pending(Wire):
    """A delayed order's coin of one asset while it waits: the seq of the order, what it holds.

    `known`: 1 if the order is the batch of that seq.
    """

    seq: U63
    known: Bit
    loss: Loss


class Resolved(Wire):
    """How a pending coin ended, so that it can be taken back with the block it ended in."""

    coin: Outpoint
    pending: Pending
    vetoed: Bit


def pegout_id(chain: bytes, transaction: bytes, index: int) -> bytes:
    """The id of the burn at action `index` of a sidechain transaction."""
    return _pegout_id(chain, transaction, fixed(index))


def return_id(chain: bytes, deposit: Outpoint) -> bytes:
    """The id under which a stray deposit is paid back."""
    return _return_id(chain, deposit.transaction, fixed(deposit.index))


def record_leaf(record: BatchRecord | Request, id: bytes) -> bytes:
    """The outbox leaf of a record: batches under 32 zero bytes, requests under their id."""
    return _record_leaf(id, encode(record))


def claimed_key(outpoint: Outpoint) -> bytes:
    """Where a claimed deposit is kept."""
    return state_key("claimed", outpoint.transaction, outpoint.index)


def stray_key(outpoint: Outpoint) -> bytes:
    """Where a stray deposit is kept until it is paid back."""
    return state_key("stray", outpoint.transaction, outpoint.index)


def request_key(id: bytes) -> bytes:
    """Where a peg-out's request is kept."""
    return state_key("pegout", id)


def batch_key(seq: int) -> bytes:
    """Where the batch of a seq is kept."""
    return state_key("batch", seq)


def orphaned_key(seq: int) -> bytes:
    """Where it is written that a batch was paid once and a reorganisation took that back."""
    return state_key("batch/orphaned", seq)


def sums_key(asset: bytes) -> bytes:
    """Where the sums of an asset are kept."""
    return state_key("sums", asset)


MIRROR = state_key("mirror")
OPEN = state_key("batches/open")
LAST_SEQ = state_key("batches/seq")
OUTBOX = state_key("outbox")
