"""What we know of each peer, and what its offences cost.

Every reason for which a peer is scored has a name here or is the name of the rule it broke. A
hundred points end a connection; fewer make us rest from the peer for a while and ask others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from bystack.mainchain.chain import Entry, HeaderOrphan, HeaderTimeAhead
from bystack.mainchain.events import Penalise
from bystack.mainchain.messages import NO_BLOCKS, Status
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Invalid

REST: Final = 60
BAN: Final = 100


class Offence(NamedTuple):
    """Why a peer is scored, and how many points it costs."""

    reason: str
    points: int


STALLED: Final = Offence("stalled", 20)
MISSING: Final = Offence("missing", 5)
BOAST: Final = Offence("claimed more work than it showed", 20)
CONTRADICTION: Final = Offence("two different answers", 50)
LOW_WORK: Final = Offence("branch of little work", 20)
ENDLESS: Final = Offence("endless headers", BAN)
UNASKED: Final = Offence("answer to no question", 10)
DISORDER: Final = Offence("headers out of order", BAN)
BAD_POSITIONS: Final = Offence("positions out of order or range", BAN)


def offence_of(error: Invalid) -> Offence:
    """What a broken rule costs. A clock that is off is no attack, and it may be ours.

    While it is, everybody breaks that rule after each rest: a point a minute fades as fast.
    """
    match error:
        case HeaderTimeAhead():
            return Offence(error.rule, 1)
        case HeaderOrphan():
            return DISORDER
        case _:
            return Offence(error.rule, BAN)


def work_of_entry(entry: Entry) -> int:
    """Accumulated work as a number."""
    return int.from_bytes(entry.work, "big")


@dataclass
class Peer:
    """The tip, height and work it claims, the best header it showed, what it is good for.

    `hint`: it announced a header whose parent we lack. `stored`: how many headers it made us keep;
    `poor`: how many it announced that were not worth it. `faults`: how often it was blamed since it
    last gave us headers worth keeping.
    `rests_until` is in steady seconds.
    """

    claim: int = 0
    height: int = 0
    tip: bytes | None = None
    blocks_from: int = 0
    best: bytes | None = None
    hint: bool = False
    stored: int = 0
    poor: int = 0
    faults: int = 0
    rests_until: int = 0


class Peers:
    """The connected peers; times are steady seconds (`machine.Clock`)."""

    def __init__(self, tree: HeaderTree) -> None:
        self._tree = tree
        self._peers: dict[bytes, Peer] = {}
        self._blamed: list[bytes] = []

    def __contains__(self, id: bytes) -> bool:
        return id in self._peers

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._peers)

    def __len__(self) -> int:
        return len(self._peers)

    def __getitem__(self, id: bytes) -> Peer:
        return self._peers[id]

    def join(self, id: bytes) -> None:
        """A peer is connected."""
        self._peers[id] = Peer()

    def leave(self, id: bytes) -> None:
        """A peer is gone."""
        self._peers.pop(id, None)

    def awake(self, now: int) -> list[bytes]:
        """Those we ask now."""
        return [id for id, peer in self._peers.items() if peer.rests_until <= now]

    def rests(self, id: bytes, now: int) -> bool:
        """Whether we ask this one nothing for the time being."""
        return id not in self._peers or self._peers[id].rests_until > now

    def blame(self, id: bytes, offence: Offence, now: int) -> list[Penalise]:
        """Score a peer and rest from it."""
        if id not in self._peers:
            return []
        self._peers[id].rests_until = now + REST
        self._peers[id].faults += 1
        self._blamed.append(id)
        return [Penalise(id, offence.points, offence.reason)]

    def blamed(self) -> list[bytes]:
        """Who was blamed since this was last asked, and is still here."""
        found, self._blamed = [id for id in self._blamed if id in self._peers], []
        return found

    def claimed(self, id: bytes, status: Status) -> bool:
        """Take in what a peer says of itself; False when the header it names says otherwise."""
        peer, entry = self._peers[id], self._tree.entry(status.tip)
        peer.blocks_from = status.blocks_from
        if entry and (entry.work != status.work or entry.header.height != status.height):
            return False
        peer.tip, peer.height = status.tip, status.height
        peer.claim = int.from_bytes(status.work, "big")
        return True

    def shown(self, id: bytes) -> Entry | None:
        """The best header that a peer has shown or named."""
        peer = self._peers[id]
        best = self._tree.entry(peer.best) if peer.best else None
        tip = self._tree.entry(peer.tip) if peer.tip else None
        if best is None or tip is None:
            return best or tip
        return tip if tip.work > best.work else best

    def shown_work(self, id: bytes) -> int:
        """Its work, 0 when the peer has shown none."""
        entry = self.shown(id)
        return work_of_entry(entry) if entry else 0

    def showed(self, id: bytes, header: bytes) -> None:
        """A peer has shown a header that is in the tree."""
        entry = self._tree.entry(header)
        if entry is not None and work_of_entry(entry) >= self.shown_work(id):
            self._peers[id].best = header

    def serves(self, id: bytes) -> bool:
        """Whether a peer has any blocks to give."""
        return self._peers[id].blocks_from != NO_BLOCKS
