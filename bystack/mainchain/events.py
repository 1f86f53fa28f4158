"""What happens to the sync machine, and what it asks of its driver."""

from __future__ import annotations

from typing import NamedTuple

from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.mainchain.messages import MainMessage
from bystack.primitives.errors import Invalid


class Joined(NamedTuple):
    """A peer is connected."""

    peer: bytes


class Left(NamedTuple):
    """A peer is gone."""

    peer: bytes


class Received(NamedTuple):
    """A peer's message, decoded."""

    peer: bytes
    message: MainMessage


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


Event = Joined | Left | Received | Tick | Made | Switched | Refused


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


Action = Send | Broadcast | Serve | KeepHeaders | KeepBlock | Switch | Penalise
