"""What gossip remembers of one topic: ids held, refused and looked for, and who announced them.

All of it is bounded by the topic: beyond a bound the newest announcement is not noted, or the
oldest memory is lost; both cost at most a second announcement or request.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bystack.p2p.items import MAX_IDS, Topic


class Memory:
    """A set of ids that remembers the last `bound` of them, and forgets all before twice as many.

    Two plain sets, the older of which is dropped whole when the younger is full: keeping an order
    in which ids leave one by one took three times the time and memory.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._young, self._old = set[bytes](), set[bytes]()

    def __contains__(self, id: bytes) -> bool:
        return id in self._young or id in self._old

    def __len__(self) -> int:
        return len(self._young | self._old)

    def add(self, ids: Iterable[bytes]) -> None:
        """Remember ids as the newest."""
        for id in ids:
            self._young.add(id)
            if len(self._young) >= self._bound:
                self._young, self._old = set(), self._young

    def new(self, ids: Iterable[bytes]) -> list[bytes]:
        """Those that are not remembered."""
        young, old = self._young, self._old
        return [id for id in ids if id not in young and id not in old]

    def discard(self, id: bytes) -> None:
        """Forget an id."""
        self._young.discard(id)
        self._old.discard(id)


@dataclass(eq=False)
class Want:
    """An id we look for: who announced it, and who is asked (empty: nobody).

    `due` is when the one asked, or the driver who judges a body, is given up; 0 for never.
    """

    announcers: list[bytes] = field(default_factory=list)
    asked: bytes = b""
    judging: bool = False
    due: float = 0.0

    @property
    def free(self) -> bool:
        """Whether nobody is asked and nothing is being judged."""
        return not self.asked and not self.judging


@dataclass(eq=False)
class Acquaintance:
    """What we know of one peer: ids it knows of, ids we want that it announced, requests open.

    `askable` are the offers not seen to be asked of somebody since: with thousands on their way,
    looking through all offers at every message would cost more than the messages.
    """

    known: Memory
    offers: dict[bytes, None] = field(default_factory=dict)
    askable: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    requests: int = 0


class Wants:
    """The memory of one topic."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.held = Memory(topic.memory)
        self.refused, self.forgiven = Memory(topic.memory), Memory(topic.memory)
        self.wants: dict[bytes, Want] = {}
        self.peers: dict[bytes, Acquaintance] = {}

    def join(self, peer: bytes) -> None:
        """Make a peer's acquaintance."""
        self.peers.setdefault(peer, Acquaintance(Memory(self.topic.memory)))

    def forgive(self) -> None:
        """Ask again for what was refused; a late body of it is no fault until the next time."""
        self.refused, self.forgiven = Memory(self.topic.memory), self.refused

    def note(self, peer: bytes, ids: Sequence[bytes]) -> None:
        """A peer announced ids."""
        acquaintance = self.peers[peer]
        acquaintance.known.add(ids)
        for id in self.refused.new(self.held.new(ids)):
            self._note(peer, acquaintance, id)

    def _note(self, peer: bytes, acquaintance: Acquaintance, id: bytes) -> None:
        if len(acquaintance.offers) >= self.topic.per_peer:
            return
        if id not in self.wants and len(self.wants) >= self.topic.wanted:
            return
        want = self.wants.setdefault(id, Want())
        if peer not in want.announcers and len(want.announcers) < self.topic.announcers:
            want.announcers.append(peer)
            acquaintance.offers[id] = acquaintance.askable[id] = None

    def strike(self, id: bytes, want: Want, peer: bytes) -> None:
        """Count on a peer no longer for an id."""
        if want.asked == peer:
            self.release(want)
        if peer in want.announcers:
            want.announcers.remove(peer)
        if (acquaintance := self.peers.get(peer)) is not None:
            acquaintance.offers.pop(id, None)
            acquaintance.askable.pop(id, None)

    def release(self, want: Want) -> None:
        """The request open for an id is over."""
        if (acquaintance := self.peers.get(want.asked)) is not None:
            acquaintance.requests -= 1
        want.asked, want.due = b"", 0.0

    def forget(self, id: bytes) -> None:
        """Look for an id no longer."""
        want = self.wants.pop(id, None)
        if want is None:
            return
        if want.asked:
            self.release(want)
        for peer in want.announcers:
            if (acquaintance := self.peers.get(peer)) is not None:
                acquaintance.offers.pop(id, None)
                acquaintance.askable.pop(id, None)

    def ask_of(self, peer: bytes, now: float) -> tuple[bytes, ...]:
        """The ids to ask of a peer now; empty while half its requests are still open."""
        acquaintance = self.peers.get(peer)
        if acquaintance is None or acquaintance.requests > self.topic.requests // 2:
            return ()
        room = min(self.topic.requests - acquaintance.requests, MAX_IDS)
        ids: list[bytes] = []
        while acquaintance.askable and len(ids) < room:
            id, _ = acquaintance.askable.popitem(last=False)
            if self.wants[id].free:
                self._open(self.wants[id], peer, now)
                ids.append(id)
        return tuple(ids)

    def ask_next(self, id: bytes, now: float) -> bytes | None:
        """The announcer to ask for an id that is free; with none left the id is forgotten.

        When all are busy the id is looked at again as soon as one is not, or after a timeout.
        """
        want = self.wants[id]
        if not want.announcers:
            self.forget(id)
            return None
        for peer in want.announcers:
            if self.peers[peer].requests < self.topic.requests:
                self._open(want, peer, now)
                return peer
        for peer in want.announcers:
            self.peers[peer].askable[id] = None
        want.due = now + self.topic.timeout
        return None

    def judge(self, id: bytes, now: float) -> None:
        """A body for an id is with the driver."""
        want = self.wants[id]
        want.judging, want.due = True, now + self.topic.timeout

    def due(self, now: float) -> list[bytes]:
        """The ids whose time is up."""
        return [id for id, want in self.wants.items() if want.due and now >= want.due]

    def _open(self, want: Want, peer: bytes, now: float) -> None:
        want.asked, want.due = peer, now + self.topic.timeout
        self.peers[peer].requests += 1
