"""Keeping up with the best chain of headers, for a node that connects no blocks; no I/O.

Whom to ask, and which branches are worth keeping, is `sync.headers`, as in a full node: so nobody
fills the tree or the disk with headers of little work, and who lets us wait is passed by. Nobody's
blocks are judged here: an invalid block with enough work under it is taken for good, and that is
what a light node trusts.
"""

from __future__ import annotations

from collections.abc import Mapping

from bystack.mainchain.chain import Entry
from bystack.mainchain.events import Action, Joined, Left, Received, Send, Tick
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
from bystack.mainchain.sync.headers import HeaderSync
from bystack.mainchain.sync.peers import CONTRADICTION, Peer, Peers, work_of_entry
from bystack.mainchain.tree import HeaderTree

LEAP = 2
"""Seconds that steady time takes at most for what passes between two events."""

LightEvent = Joined | Left | Received | Tick


class _Best:
    """What a full node has connected; here nothing is, and the best header stands for it."""

    def __init__(self, tree: HeaderTree) -> None:
        self._tree = tree

    @property
    def tip(self) -> Entry:
        return self._tree.best()


class LightSync:
    """The machine: owns the header tree, whose best chain is the node's."""

    def __init__(self, tree: HeaderTree) -> None:
        self.tree = tree
        self._peers = Peers(tree)
        self._headers = HeaderSync(tree, self._peers, _Best(tree))
        self._wall, self._now = 0, 0

    @property
    def tip(self) -> Entry:
        """The best header's entry."""
        return self.tree.best()

    @property
    def line(self) -> Line:
        """The best chain."""
        return self.tree.line

    @property
    def busy(self) -> bool:
        """Whether a peer is asked for headers."""
        return self._headers.busy

    def awaits(self, peer: bytes) -> bool:
        """Whether headers of this peer are awaited."""
        return self._headers.awaits(peer)

    @property
    def progress(self) -> float:
        """Our share of the work that the peer which claims most says it has; 1 if none has more.

        A claim is a peer's word; one that shows less than it claims is not believed on. 0 while
        there are no headers and nobody to tell of any.
        """
        own = work_of_entry(self.tip)
        claims = [self._peers[peer].claim for peer in self._peers]
        return own / max(own, *claims) if any(claims) else float(self.tip != self.tree.first)

    def serving(self, height: int) -> Mapping[bytes, int]:
        """The peers that say they have the blocks of our best chain from a height on.

        With the height up to which each has shown or named that chain's headers.
        """
        reach = {peer: self._reach(self._peers[peer]) for peer in self._peers}
        return {
            peer: most
            for peer, most in reach.items()
            if self._peers[peer].blocks_from <= height <= most
        }

    def full(self) -> tuple[bytes, ...]:
        """The peers on our best chain that say they have blocks, be they few."""
        keep = (peer for peer in self._peers if self._peers.serves(peer))
        return tuple(peer for peer in keep if self._reach(self._peers[peer]) >= 0)

    def _reach(self, known: Peer) -> int:
        named = [self.tree.entry(id) for id in (known.best, known.tip) if id]
        return max((e.header.height for e in named if e and self.line.holds(e.id)), default=-1)

    def handle(self, event: LightEvent, now: int) -> list[Action]:
        """What to do about an event, in order; `now` in seconds of the clock."""
        self._now += min(max(now - (self._wall or now), 0), LEAP)
        self._wall = now
        actions = self._hear(event)
        for peer in self._peers.blamed():
            self._headers.forget(peer)
        return [*actions, *self._headers.seek(self._now)]

    def _hear(self, event: LightEvent) -> list[Action]:
        match event:
            case Joined(peer):
                self._peers.join(peer)
                return [Send(peer, self._status())]
            case Left(peer):
                self._headers.leave(peer)
                self._peers.leave(peer)
                return []
            case Received(peer, message):
                return self._receive(peer, message) if peer in self._peers else []
            case Tick():
                return self._headers.watch(self._now)

    def _status(self) -> Status:
        return Status(self.tip.header.height, self.tip.id, self.tip.work, NO_BLOCKS)

    def _receive(self, peer: bytes, message: MainMessage) -> list[Action]:
        match message:
            case Status():
                fine = self._peers.claimed(peer, message)
                return [] if fine else [*self._peers.blame(peer, CONTRADICTION, self._now)]
            case Headers(headers):
                return self._headers.received(peer, headers, self._now, self._wall)
            case Announce(header):
                return self._headers.announced(peer, header, self._now, self._wall)
            case GetHeaders(locator):
                return [Send(peer, Headers(self.line.after(locator, MAX_HEADERS)))]
            case GetBlocks(ids):
                return [Send(peer, Missing(ids))]
            case GetCompact(id):
                return [Send(peer, Missing((id,)))]
            case _:
                return []
