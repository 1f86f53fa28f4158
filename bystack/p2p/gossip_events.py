"""What the gossip machine is told, and what it wants done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Joined:
    """A peer is connected."""

    peer: bytes


@dataclass(frozen=True)
class Left:
    """A peer is gone."""

    peer: bytes


@dataclass(frozen=True)
class Heard:
    """A peer sent a gossip payload."""

    peer: bytes
    payload: bytes


@dataclass(frozen=True)
class Accepted:
    """We hold this item and find it good (received or our own): tell those who don't know it."""

    topic: int
    id: bytes


@dataclass(frozen=True)
class AcceptedAll:
    """As `Accepted`, of many at once: they are announced together."""

    topic: int
    ids: tuple[bytes, ...]


@dataclass(frozen=True)
class Taken:
    """As `AcceptedAll`, but an `Offer` to each peer says when they are announced."""

    topic: int
    ids: tuple[bytes, ...]


@dataclass(frozen=True)
class Rejected:
    """The body delivered for this id was bad: ask another announcer, if any."""

    topic: int
    id: bytes


@dataclass(frozen=True)
class Refused:
    """No body of this id can be good: do not ask for it again."""

    topic: int
    id: bytes


@dataclass(frozen=True)
class Dropped:
    """We no longer hold, or no longer refuse, this item, and would take it again."""

    topic: int
    id: bytes


@dataclass(frozen=True)
class Offer:
    """Announce items we hold to one peer (the memory pool, to one that just joined)."""

    peer: bytes
    topic: int
    ids: tuple[bytes, ...]


@dataclass(frozen=True)
class Remind:
    """Announce items we hold to all peers, also to those told before: a frame may be dropped where
    too much is under way."""

    topic: int
    ids: tuple[bytes, ...]


@dataclass(frozen=True)
class Forgive:
    """What was refused may be announced to us again: what we had no room for, we may have now."""

    topic: int


@dataclass(frozen=True)
class Supply:
    """The body a peer asked for (answers `Fetch`); None when we have not got it."""

    peer: bytes
    topic: int
    id: bytes
    body: bytes | None


@dataclass(frozen=True)
class SupplyAll:
    """As `Supply`, for many a peer asked for at once: ids with their bodies, or None."""

    peer: bytes
    topic: int
    bodies: tuple[tuple[bytes, bytes | None], ...]


@dataclass(frozen=True)
class Tick:
    """Time passed: ask others for what did not come."""


Verdict = Accepted | AcceptedAll | Taken | Rejected | Refused | Dropped
GossipEvent = Joined | Left | Heard | Verdict | Offer | Remind | Forgive | Supply | SupplyAll | Tick


@dataclass(frozen=True)
class SendTo:
    """Send this gossip payload to a peer."""

    peer: bytes
    payload: bytes


@dataclass(frozen=True)
class Deliver:
    """An item we asked for came: check that its id is this one, judge it, answer the verdict."""

    peer: bytes
    topic: int
    id: bytes
    body: bytes


@dataclass(frozen=True)
class Fetch:
    """A peer wants an item we hold: look it up, then answer `Supply`."""

    peer: bytes
    topic: int
    id: bytes


@dataclass(frozen=True)
class Penalise:
    """A peer broke a rule, named by `reason`."""

    peer: bytes
    points: int
    reason: str


GossipOutput = SendTo | Deliver | Fetch | Penalise
