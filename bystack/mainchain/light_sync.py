"""Keeping up with the best chain of headers, for a node that connects no blocks; no I/O.

Work decides, as in `sync`: a claimed status only says whom to ask. Nobody's blocks are judged here,
so an invalid block with enough work under it is taken for good: that is what a light node trusts.
A peer that stalls, claims more than it shows, or goes on along a branch that leads to less work is
penalised and another is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry, HeaderDelta, HeaderOrphan, HeaderTimeAhead
from bystack.mainchain.events import (
    Joined,
    KeepHeaders,
    Left,
    Penalise,
    Received,
    Send,
    Tick,
)
from bystack.mainchain.line import Line
from bystack.mainchain.messages import (
    MAX_HEADERS,
    NO_BLOCKS,
    Announce,
    GetBlocks,
    GetCompact,
    GetHeaders,
    Headers,
    MainMessage,
    Missing,
    Status,
)
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Invalid

PATIENCE: Final = 20
REST: Final = 60
BAN: Final = 100
STALL_POINTS: Final = 5
DEEP: Final = 1_000
"""An announced header so far below the best one is no news."""
SPARE: Final = 2 * MAX_HEADERS
"""Headers beyond twice the depth of its fork in which a branch must have more work than ours."""

LightEvent = Joined | Left | Received | Tick
LightAction = Send | KeepHeaders | Penalise


class LowWork(Invalid):
    """The branch goes on and on and has less work than the best known chain."""


class OverClaimed(Invalid):
    """The peer claimed more work than it showed."""


@dataclass
class _Peer:
    """What a peer claims, the best header it showed, the branch it is giving us, its rest.

    `hint`: it announced a header whose parent we lack. `fork`: the height that its branch starts
    above; `taken`: how many headers of it were new.
    """

    claim: int = 0
    tip: bytes | None = None
    best: bytes | None = None
    blocks_from: int = NO_BLOCKS
    hint: bool = False
    fork: int = 0
    taken: int = 0
    rests_until: int = 0


def _work(entry: Entry) -> int:
    return int.from_bytes(entry.work, "big")


class LightSync:
    """The machine: owns the header tree, whose best chain is the node's."""

    def __init__(self, tree: HeaderTree) -> None:
        self.tree = tree
        self._peers: dict[bytes, _Peer] = {}
        self._source: bytes | None = None
        self._deadline = 0

    @property
    def tip(self) -> Entry:
        """The best header's entry."""
        return self.tree.best()

    @property
    def line(self) -> Line:
        """The best chain."""
        return self.tree.line

    @property
    def source(self) -> bytes | None:
        """The peer asked for headers now."""
        return self._source

    def serving(self, height: int) -> Mapping[bytes, int]:
        """The peers that say they have the blocks of our best chain from a height on.

        With the height up to which each has shown or named that chain's headers.
        """
        reach = {peer: self._reach(one) for peer, one in self._peers.items()}
        return {
            peer: reach[peer]
            for peer, one in self._peers.items()
            if one.blocks_from <= height <= reach[peer]
        }

    def full(self) -> tuple[bytes, ...]:
        """The peers on our best chain that say they have blocks, be they few."""
        keep = ((peer, one) for peer, one in self._peers.items() if one.blocks_from < NO_BLOCKS)
        return tuple(peer for peer, one in keep if self._reach(one) >= 0)

    def _reach(self, known: _Peer) -> int:
        named = [self.tree.entry(id) for id in (known.best, known.tip) if id]
        return max((e.header.height for e in named if e and self.line.holds(e.id)), default=-1)

    def handle(self, event: LightEvent, now: int) -> list[LightAction]:
        """What to do about an event, in order; `now` in seconds."""
        match event:
            case Joined(peer):
                self._peers[peer] = _Peer()
                return [Send(peer, self._status())]
            case Left(peer):
                return self._leave(peer, now)
            case Received(peer, message):
                return self._receive(peer, message, now) if peer in self._peers else []
            case Tick():
                return self._tick(now)

    def _status(self) -> Status:
        return Status(self.tip.header.height, self.tip.id, self.tip.work, NO_BLOCKS)

    def _leave(self, peer: bytes, now: int) -> list[LightAction]:
        self._peers.pop(peer, None)
        if peer == self._source:
            self._source = None
        return self._seek(now)

    def _tick(self, now: int) -> list[LightAction]:
        source = self._source
        if source is None or now < self._deadline:
            return self._seek(now)
        return self._blame(source, STALL_POINTS, "stalled", now)

    def _blame(self, peer: bytes, points: int, reason: str, now: int) -> list[LightAction]:
        """Penalise, and ask another."""
        self._peers[peer].rests_until = now + REST
        if peer == self._source:
            self._source = None
        return [Penalise(peer, points, reason), *self._seek(now)]

    # Messages

    def _receive(self, peer: bytes, message: MainMessage, now: int) -> list[LightAction]:
        match message:
            case Status(_, tip, work, blocks_from):
                known = self._peers[peer]
                known.tip, known.claim = tip, int.from_bytes(work, "big")
                known.blocks_from = blocks_from
                return self._seek(now)
            case Headers(headers):
                return self._headers(peer, headers, now)
            case Announce(header):
                return self._announced(peer, header, now)
            case GetHeaders(locator):
                return [Send(peer, Headers(self.line.after(locator, MAX_HEADERS)))]
            case GetBlocks(ids):
                return [Send(peer, Missing(ids))]
            case GetCompact(id):
                return [Send(peer, Missing((id,)))]
            case _:
                return []

    def _headers(self, peer: bytes, headers: Sequence[Header], now: int) -> list[LightAction]:
        if peer != self._source:
            return []  # an answer that came too late
        before = self._shown_work(peer)
        try:
            delta = self.tree.add(headers, now)
        except Invalid as error:
            return self._blame(peer, _points(error), error.rule, now)
        self._note(self._peers[peer], headers, delta)
        more = len(headers) == MAX_HEADERS and self._shown_work(peer) > before
        if more and self._fruitless(self._peers[peer]):
            return [*_keep(delta), *self._blame(peer, BAN, LowWork.__name__, now)]
        return [*_keep(delta), *(self._ask if more else self._ended)(peer, now)]

    def _note(self, known: _Peer, headers: Sequence[Header], delta: HeaderDelta) -> None:
        if not headers:
            return
        if not known.taken:
            known.fork = headers[0].height - 1
        known.taken += len(delta.added)
        known.best = headers[-1].id

    def _fruitless(self, known: _Peer) -> bool:
        shown, best = self.tree.entry(known.best or b""), self.tip
        if shown is None or shown.work >= best.work:
            return False
        return known.taken > SPARE + 2 * max(0, best.header.height - known.fork)

    def _ended(self, peer: bytes, now: int) -> list[LightAction]:
        """All headers of the source are here; whoever claimed more than that rests."""
        known, self._source = self._peers[peer], None
        known.hint, known.taken = False, 0
        if known.claim > (shown := self._shown_work(peer)):
            known.claim = shown
            return self._blame(peer, STALL_POINTS, OverClaimed.__name__, now)
        return self._seek(now)

    def _announced(self, peer: bytes, header: Header, now: int) -> list[LightAction]:
        if header.height < self.tip.header.height - DEEP:
            return []
        try:
            delta = self.tree.add([header], now)
        except HeaderOrphan:
            self._peers[peer].hint = True
            return self._seek(now)
        except Invalid as error:
            return self._blame(peer, _points(error), error.rule, now)
        self._peers[peer].best = header.id
        return [*_keep(delta), *self._seek(now)]

    # Choosing whom to ask

    def _seek(self, now: int) -> list[LightAction]:
        """Ask the peer that promises most, if anyone promises more than we have."""
        if self._source is not None:
            return []
        awake = [peer for peer, known in self._peers.items() if known.rests_until <= now]
        best = max(awake, key=self._promise, default=None)
        if best is None or self._promise(best) <= _work(self.tip):
            return []
        self._source = best
        return self._ask(best, now)

    def _promise(self, peer: bytes) -> int:
        known = self._peers[peer]
        hoped = _work(self.tip) + 1 if known.hint else 0
        return max(known.claim, hoped)

    def _shown_work(self, peer: bytes) -> int:
        known = self._peers[peer]
        entries = [self.tree.entry(id) for id in (known.best, known.tip) if id]
        return max((_work(entry) for entry in entries if entry), default=0)

    def _ask(self, peer: bytes, now: int) -> list[LightAction]:
        self._deadline = now + PATIENCE
        known = self.tree.entry(self._peers[peer].best or b"") or self.tip
        return [Send(peer, GetHeaders(self.line.locator(known)))]


def _keep(delta: HeaderDelta) -> list[LightAction]:
    return [KeepHeaders(delta.added)] if delta.added else []


def _points(error: Invalid) -> int:
    """A clock that is off is no attack."""
    return 10 if isinstance(error, HeaderTimeAhead) else BAN
