"""What happens to the sync machine, and what it asks of its driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.mainchain.messages import CompactBlock, MainMessage
from bystack.primitives.errors import Invalid


class Joined(NamedTuple):
    """A peer is connected."""

    peer: bytes


class Left(NamedTuple):
    """A peer is gone."""

    peer: bytes


class Received(NamedTuple):
    """A peer's message, decoded, and how many bytes it had."""

    peer: bytes
    message: MainMessage
    size: int = 0


class Tick(NamedTuple):
    """Time has passed; once a second is enough."""


class Made(NamedTuple):
    """A block of our own, mined here or handed in, its header not yet judged."""

    block: Block


class Switched(NamedTuple):
    """The `Switch` asked for is committed."""


class Refused(NamedTuple):
    """The `Switch` asked for was not made: this block of it is invalid."""

    block: bytes
    reason: Invalid


class Matched(NamedTuple):
    """What `Match` asked for: transactions that wait here, by their position in the block."""

    peer: bytes
    id: bytes
    found: Mapping[int, Transaction]


Event = Joined | Left | Received | Tick | Made | Switched | Refused | Matched


class Send(NamedTuple):
    """A message for one peer."""

    peer: bytes
    message: MainMessage


class Broadcast(NamedTuple):
    """A message for every peer."""

    message: MainMessage


class Serve(NamedTuple):
    """Send a peer these blocks, each in a `BlockMessage`, or name in a `Missing` those not kept."""

    peer: bytes
    ids: tuple[bytes, ...]


class ServeCompact(NamedTuple):
    """Send each of these peers this block as a `CompactBlock`, or a `Missing`."""

    peers: tuple[bytes, ...]
    id: bytes


class ServeTransactions(NamedTuple):
    """Send a peer these transactions of a block in `BlockTransactions`, or a `Missing`."""

    peer: bytes
    id: bytes
    positions: tuple[int, ...]


class Match(NamedTuple):
    """Find the transactions of a compact block among those that wait; answer with `Matched`."""

    peer: bytes
    block: CompactBlock


class KeepHeaders(NamedTuple):
    """Store these entries; they are on disk before a block of theirs is."""

    entries: tuple[Entry, ...]


class KeepBlock(NamedTuple):
    """Store this block, which fits its header and is not connected yet."""

    block: Block


class Switch(NamedTuple):
    """Disconnect these blocks, tip first, connect those, oldest first: one batch or none of it.

    Answer with `Switched` or `Refused`.
    """

    disconnect: tuple[bytes, ...]
    connect: tuple[bytes, ...]


class Penalise(NamedTuple):
    """A peer broke a rule (100 points: ban) or let us wait."""

    peer: bytes
    points: int
    reason: str


Action = (
    Send
    | Broadcast
    | Serve
    | ServeCompact
    | ServeTransactions
    | Match
    | KeepHeaders
    | KeepBlock
    | Switch
    | Penalise
)
