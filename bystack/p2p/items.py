"""What gossip says on the wire: messages about items, each an opaque id of 32 bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from bystack.p2p.frames import OVERHEAD
from bystack.primitives.codec import U8, Bytes32, Wire, decode_union
from bystack.primitives.errors import Invalid

MAX_IDS: Final = 256
"""Ids in one message."""
ITEM_OVERHEAD: Final = 64
PACK: Final = 32 * 1024
"""Bytes of bodies that share one message; a body beyond that has one of its own."""
ID_SIZE: Final = 34
"""An encoded id: 2 bytes of header, 32 of hash."""

Ids = Annotated[tuple[Bytes32, ...], Meta(min_length=1, max_length=MAX_IDS)]


class UnknownTopic(Invalid):
    """No items of this topic are exchanged here."""


class ItemTooLong(Invalid):
    """The item is longer than its topic allows."""


class UnsolicitedItem(Invalid):
    """Nobody asked for this item."""


class RequestTimeout(Invalid):
    """The peer announced items and did not send them when asked."""


class Announce(Wire, tag=0):
    """The sender holds these items."""

    topic: U8
    ids: Ids


class Get(Wire, tag=1):
    """The sender wants these items."""

    topic: U8
    ids: Ids


class Item(Wire, tag=2):
    """One item, as asked for."""

    topic: U8
    id: Bytes32
    body: bytes


class Missing(Wire, tag=3):
    """The sender has not, or no longer, got these items."""

    topic: U8
    ids: Ids


class Items(Wire, tag=4):
    """Several items, as asked for: small ones share a frame, which costs as much as any."""

    topic: U8
    items: Annotated[tuple[tuple[Bytes32, bytes], ...], Meta(min_length=1, max_length=MAX_IDS)]


GossipMessage = Announce | Get | Item | Missing | Items


@dataclass(frozen=True)
class Topic:
    """One sort of item: its largest body in bytes, and how much is remembered of it.

    `wanted` bounds the ids looked for in all, `per_peer` those one peer may have announced,
    `announcers` the peers remembered for one id, `requests` the ids asked of one peer at a time,
    `memory` the ids remembered at least as held, as refused, and as known to each peer (twice as
    many at most); `timeout` is how long one announcer is waited for, in seconds.
    """

    number: int
    cap: int
    wanted: int = 4096
    per_peer: int = 1024
    announcers: int = 8
    requests: int = 32
    memory: int = 8192
    timeout: float = 10.0


def payload_cap(topics: Iterable[Topic]) -> int:
    """The largest gossip payload in bytes: the cap of the frame kind that carries these topics."""
    items = [topic.cap + ITEM_OVERHEAD for topic in topics]
    pack = PACK + MAX_IDS * (ID_SIZE + 5)
    return max([MAX_IDS * ID_SIZE + OVERHEAD, pack + ITEM_OVERHEAD, *items])


def read(payload: bytes, limit: int) -> GossipMessage:
    """The gossip message in a payload; raises the codec's `Invalid`."""
    heard: GossipMessage = decode_union(GossipMessage, payload, limit)
    return heard
