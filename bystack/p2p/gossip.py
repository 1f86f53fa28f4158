"""How items spread: announce an id, ask for it, send the body; over opaque 32-byte ids by topic.

A machine without I/O: `handle(event, now)` answers the outputs to perform, in order. The driver
judges bodies: `Accepted` (we announce it on), `Rejected` (this body was bad, the id may still name
a good one: another announcer is asked) or `Refused` (the item itself is no good). Each id is asked
of one announcer at a time; one who does not answer loses a few points and the next is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, assert_never

from bystack.p2p.gossip_events import (
    Accepted,
    AcceptedAll,
    Deliver,
    Dropped,
    Fetch,
    Forgive,
    GossipEvent,
    GossipOutput,
    Heard,
    Joined,
    Left,
    Offer,
    Penalise,
    Refused,
    Rejected,
    Remind,
    SendTo,
    Supply,
    SupplyAll,
    Taken,
    Tick,
    Verdict,
)
from bystack.p2p.items import (
    MAX_IDS,
    PACK,
    Announce,
    Get,
    GossipMessage,
    Item,
    Items,
    ItemTooLong,
    Missing,
    RequestTimeout,
    Topic,
    UnknownTopic,
    UnsolicitedItem,
    payload_cap,
    read,
)
from bystack.p2p.wants import Wants
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid, Misuse

__all__ = [
    "Accepted",
    "AcceptedAll",
    "Deliver",
    "Dropped",
    "Fetch",
    "Forgive",
    "Gossip",
    "GossipEvent",
    "GossipOutput",
    "Heard",
    "Joined",
    "Left",
    "Offer",
    "Penalise",
    "Refused",
    "Rejected",
    "Remind",
    "SendTo",
    "Supply",
    "SupplyAll",
    "Taken",
    "Tick",
    "Topic",
    "payload_cap",
]

Bodies = tuple[tuple[bytes, bytes], ...]
"""Items: ids with their bodies."""

UNSOLICITED_POINTS: Final = 10
SILENCE_POINTS: Final = 2
BREACH_POINTS: Final = 20


class Gossip:
    """Announce, get and item, for all topics of one driver."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self._topics = {topic.number: Wants(topic) for topic in topics}
        self._limit = payload_cap(state.topic for state in self._topics.values())

    def handle(self, event: GossipEvent, now: float) -> list[GossipOutput]:
        """What to do about an event, `now` in seconds; never raises for what a peer sent."""
        match event:
            case Joined(peer):
                return self._join(peer)
            case Left(peer):
                return self._leave(peer, now)
            case Heard(peer, payload):
                return self._hear(peer, payload, now)
            case Accepted() | AcceptedAll() | Taken() | Rejected() | Refused() | Dropped():
                return self._judged(event, now)
            case Offer(peer, topic, ids):
                return _offer(self._topics[topic], peer, ids)
            case Remind(topic, ids):
                return _remind(self._topics[topic], ids)
            case Forgive(topic):
                self._topics[topic].forgive()
                return []
            case Supply(peer, topic, id, body):
                return _supply(self._topics[topic], peer, ((id, body),))
            case SupplyAll(peer, topic, bodies):
                return _supply(self._topics[topic], peer, bodies)
            case Tick():
                return [output for state in self._topics.values() for output in _tick(state, now)]
            case _:
                assert_never(event)

    def _judged(self, verdict: Verdict, now: float) -> list[GossipOutput]:
        state = self._topics[verdict.topic]
        match verdict:
            case Accepted(_, id):
                return _accept(state, (id,))
            case AcceptedAll(_, ids):
                return _accept(state, ids)
            case Taken(_, ids):
                return _hold(state, ids)
            case Rejected(_, id):
                return _reject(state, id, now)
            case Refused(_, id):
                return _refuse(state, id)
            case Dropped(_, id):
                return _drop(state, id)

    def deadline(self) -> float:
        """When the next `Tick` is due (infinity when nothing is under way)."""
        wants = (want for state in self._topics.values() for want in state.wants.values())
        return min((want.due for want in wants if want.due), default=float("inf"))

    def pending(self, topic: int) -> int:
        """How many ids of a topic are looked for."""
        return len(self._topics[topic].wants)

    def _join(self, peer: bytes) -> list[GossipOutput]:
        for state in self._topics.values():
            state.join(peer)
        return []

    def _leave(self, peer: bytes, now: float) -> list[GossipOutput]:
        outputs: list[GossipOutput] = []
        for state in self._topics.values():
            left = state.peers.pop(peer, None)
            for id in left.offers if left else ():
                outputs += _give_up(state, id, peer, now)
        return outputs

    def _hear(self, peer: bytes, payload: bytes, now: float) -> list[GossipOutput]:
        try:
            heard = read(payload, self._limit)
            return _obey(self._state(peer, heard.topic), peer, heard, now)
        except Invalid as error:
            points = UNSOLICITED_POINTS if isinstance(error, UnsolicitedItem) else BREACH_POINTS
            return [Penalise(peer, points, error.rule)]

    def _state(self, peer: bytes, topic: int) -> Wants:
        state = self._topics.get(topic)
        if state is None:
            raise UnknownTopic(topic=topic)
        if peer not in state.peers:
            raise Misuse("a peer was heard before it joined")
        return state


def _obey(state: Wants, peer: bytes, heard: GossipMessage, now: float) -> list[GossipOutput]:
    match heard:
        case Announce(_, ids):
            return _announced(state, peer, ids, now)
        case Get(_, ids):
            return _asked(state, peer, ids)
        case Item(_, id, body):
            return _received(state, peer, ((id, body),), now)
        case Items(_, items):
            return _received(state, peer, items, now)
        case Missing(_, ids):
            return _missing(state, peer, ids, now)
        case _:
            assert_never(heard)


def _announced(state: Wants, peer: bytes, ids: tuple[bytes, ...], now: float) -> list[GossipOutput]:
    state.note(peer, ids)
    return _ask(state, peer, now)


def _asked(state: Wants, peer: bytes, ids: tuple[bytes, ...]) -> list[GossipOutput]:
    """Only what we announced is looked up, so that asking at random costs us no disk."""
    number = state.topic.number
    asked = tuple(dict.fromkeys(ids))
    gone = tuple(state.held.new(asked))
    there = [id for id in asked if id in state.held] if gone else asked
    fetches: list[GossipOutput] = [Fetch(peer, number, id) for id in there]
    return [*fetches, SendTo(peer, encode(Missing(number, gone)))] if gone else fetches


def _received(state: Wants, peer: bytes, items: Bodies, now: float) -> list[GossipOutput]:
    for id, body in items:
        _check_item(state, id, body)
    number = state.topic.number
    taken = [(id, body) for id, body in items if _take(state, peer, id, now)]
    delivered: list[GossipOutput] = [Deliver(peer, number, id, body) for id, body in taken]
    return [*delivered, *_ask(state, peer, now)] if taken else []


def _check_item(state: Wants, id: bytes, body: bytes) -> None:
    """Raises `ItemTooLong`, `UnsolicitedItem`."""
    number = state.topic.number
    if len(body) > state.topic.cap:
        raise ItemTooLong(topic=number, length=len(body), limit=state.topic.cap)
    known = (state.wants, state.held, state.refused, state.forgiven)
    if not any(id in memory for memory in known):
        raise UnsolicitedItem(topic=number, id=id)


def _take(state: Wants, peer: bytes, id: bytes, now: float) -> bool:
    """Whether this body is to be judged; a late answer to what another gave us is no fault."""
    want = state.wants.get(id)
    if want is None or want.judging or peer not in want.announcers:
        return False
    if want.asked:
        state.release(want)
    state.strike(id, want, peer)
    state.judge(id, now)
    return True


def _missing(state: Wants, peer: bytes, ids: tuple[bytes, ...], now: float) -> list[GossipOutput]:
    outputs = [output for id in ids for output in _give_up(state, id, peer, now)]
    return [*outputs, *_ask(state, peer, now)]


def _hold(state: Wants, ids: tuple[bytes, ...]) -> list[GossipOutput]:
    for id in ids:
        state.forget(id)
        state.refused.discard(id)
    state.held.add(ids)
    return []


def _accept(state: Wants, ids: tuple[bytes, ...]) -> list[GossipOutput]:
    _hold(state, ids)
    return [output for peer in sorted(state.peers) for output in _offer(state, peer, ids)]


def _reject(state: Wants, id: bytes, now: float) -> list[GossipOutput]:
    want = state.wants.get(id)
    if want is None or not want.judging:
        return []
    want.judging = False
    return _ask_next(state, id, now)


def _refuse(state: Wants, id: bytes) -> list[GossipOutput]:
    state.forget(id)
    state.held.discard(id)
    state.refused.add((id,))
    return []


def _drop(state: Wants, id: bytes) -> list[GossipOutput]:
    state.held.discard(id)
    state.refused.discard(id)
    return []


def _offer(state: Wants, peer: bytes, ids: tuple[bytes, ...]) -> list[GossipOutput]:
    """Announce to a peer what it does not know yet."""
    acquaintance = state.peers.get(peer)
    if acquaintance is None:
        return []
    new = acquaintance.known.new(ids)
    state.held.add(new)
    acquaintance.known.add(new)
    parts = (tuple(new[start : start + MAX_IDS]) for start in range(0, len(new), MAX_IDS))
    return [SendTo(peer, encode(Announce(state.topic.number, part))) for part in parts]


def _remind(state: Wants, ids: tuple[bytes, ...]) -> list[GossipOutput]:
    _hold(state, ids)
    for acquaintance in state.peers.values():
        for id in ids:
            acquaintance.known.discard(id)
    return [output for peer in sorted(state.peers) for output in _offer(state, peer, ids)]


def _supply(
    state: Wants, peer: bytes, bodies: Iterable[tuple[bytes, bytes | None]]
) -> list[GossipOutput]:
    number, cap = state.topic.number, state.topic.cap
    there = [(id, body) for id, body in bodies if body is not None]
    gone = tuple(id for id, body in bodies if body is None)
    if any(len(body) > cap for _, body in there):
        raise Misuse(f"an item of topic {number} is longer than its cap")
    packs = [SendTo(peer, encode(_message(number, pack))) for pack in _packs(there)]
    parts = [gone[at : at + MAX_IDS] for at in range(0, len(gone), MAX_IDS)]
    return [*packs, *(SendTo(peer, encode(Missing(number, part))) for part in parts)]


def _packs(items: Iterable[tuple[bytes, bytes]]) -> Iterator[Bodies]:
    """Items that share a message: up to `MAX_IDS` of up to `PACK` bytes, or a larger one alone."""
    pack, size = list[tuple[bytes, bytes]](), 0
    for id, body in items:
        if pack and (size + len(body) > PACK or len(pack) == MAX_IDS):
            yield tuple(pack)
            pack, size = [], 0
        pack.append((id, body))
        size += len(body)
    if pack:
        yield tuple(pack)


def _message(number: int, pack: Bodies) -> Item | Items:
    return Item(number, *pack[0]) if len(pack) == 1 else Items(number, pack)


def _give_up(state: Wants, id: bytes, peer: bytes, now: float) -> list[GossipOutput]:
    """Count on a peer no longer for an id, and ask another if it was the one asked."""
    want = state.wants.get(id)
    if want is None:
        return []
    state.strike(id, want, peer)
    return _ask_next(state, id, now) if want.free else []


def _ask(state: Wants, peer: bytes, now: float) -> list[GossipOutput]:
    ids = state.ask_of(peer, now)
    return [SendTo(peer, encode(Get(state.topic.number, ids)))] if ids else []


def _ask_next(state: Wants, id: bytes, now: float) -> list[GossipOutput]:
    peer = state.ask_next(id, now)
    return [] if peer is None else [SendTo(peer, encode(Get(state.topic.number, (id,))))]


def _tick(state: Wants, now: float) -> list[GossipOutput]:
    """Ask others for what is late; a peer pays once for all it was late with."""
    outputs: list[GossipOutput] = []
    late: dict[bytes, None] = {}
    for id in state.due(now):
        want = state.wants[id]
        want.judging = False  # a driver that did not answer
        if asked := want.asked:
            late[asked] = None
            state.strike(id, want, asked)
        outputs += _ask_next(state, id, now)
    for peer in late:
        outputs.append(Penalise(peer, SILENCE_POINTS, RequestTimeout.__name__))
        outputs += _ask(state, peer, now)
    return outputs
