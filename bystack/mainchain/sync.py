"""Keeping up with peers: headers first, then blocks, from one peer at a time; no I/O.

Work decides, never a peer's word: a claimed status only says whom to ask. Blocks are fetched along
the best branch *of the peer we fetch from*, so headers whose blocks nobody gives hold nothing up.
A peer that stalls is replaced; one that breaks a rule is penalised. Only ids of blocks at hand are
kept here: the driver stores each block and switches to a branch when told, in one batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bystack.mainchain.blocks import Block, Header
from bystack.mainchain.chain import Entry, HeaderDelta, HeaderOrphan, HeaderTimeAhead
from bystack.mainchain.events import (
    Action,
    Broadcast,
    Event,
    Joined,
    KeepBlock,
    KeepHeaders,
    Left,
    Made,
    Penalise,
    Received,
    Refused,
    Send,
    Serve,
    Switch,
    Switched,
    Tick,
)
from bystack.mainchain.line import Line
from bystack.mainchain.messages import (
    MAX_HEADERS,
    Announce,
    BlockMessage,
    GetBlocks,
    GetHeaders,
    Headers,
    MainMessage,
    Missing,
    Status,
)
from bystack.mainchain.switching import Switching
from bystack.mainchain.transition import check_block
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Invalid

PATIENCE: Final = 20
REST: Final = 60
REMIND: Final = 30
MAX_BLOCKS: Final = 16
BAN: Final = 100


@dataclass
class _Peer:
    """What we know of a peer: the tip and work it claims, the best header it showed, its rest.

    `hint`: it announced a header whose parent we lack.
    """

    claim: int = 0
    tip: bytes | None = None
    best: bytes | None = None
    hint: bool = False
    rests_until: int = 0


def _work(entry: Entry) -> int:
    return int.from_bytes(entry.work, "big")


class Sync:
    """The machine: owns the header tree and knows which blocks are connected and at hand."""

    def __init__(self, tree: HeaderTree, connected: bytes, at_hand: Iterable[bytes] = ()) -> None:
        """`connected` is the last connected block, `at_hand` those stored and not connected."""
        self.tree = tree
        self._switching = Switching(tree, connected, at_hand)
        self._peers: dict[bytes, _Peer] = {}
        self._source: bytes | None = None
        self._awaits_headers = False
        self._deadline = 0
        self._asked: set[bytes] = set()
        self._own: bytes | None = None
        self._told = 0

    @property
    def tip(self) -> Entry:
        """The entry of the last connected block."""
        return self._switching.tip

    @property
    def line(self) -> Line:
        """The connected chain."""
        return self._switching.line

    @property
    def source(self) -> bytes | None:
        """The peer we fetch from; None when nobody promises more work than we have."""
        return self._source

    def handle(self, event: Event, now: int) -> list[Action]:
        """What to do about an event, in order; `now` in seconds."""
        match event:
            case Joined(peer):
                return self._join(peer)
            case Left(peer):
                return self._leave(peer, now)
            case Received(peer, message):
                return self._receive(peer, message, now) if peer in self._peers else []
            case Tick():
                return self._tick(now)
            case Made(block):
                return self._made(block, now)
            case Switched():
                return self._switched(now)
            case Refused(block, reason):
                return self._refused(block, reason, now)

    # Peers

    def _join(self, peer: bytes) -> list[Action]:
        self._peers[peer] = _Peer()
        return [Send(peer, self._status())]

    def _status(self) -> Status:
        return Status(self.tip.header.height, self.tip.id, self.tip.work, 0)

    def _leave(self, peer: bytes, now: int) -> list[Action]:
        self._peers.pop(peer, None)
        if peer == self._source:
            self._drop_source()
        return self._seek(now)

    def _tick(self, now: int) -> list[Action]:
        return [*self._remind(now), *self._watch(now)]

    def _remind(self, now: int) -> list[Action]:
        """Say where we are now and then: a full queue may have swallowed an announcement."""
        if now < self._told + REMIND:
            return []
        self._told = now
        return [Broadcast(self._status())]

    def _watch(self, now: int) -> list[Action]:
        """Replace a source that stalls."""
        source = self._source
        if source is None or now < self._deadline or self._switching.busy:
            return self._seek(now)
        self._peers[source].rests_until = now + REST
        self._drop_source()
        return [Penalise(source, 5, "stalled"), *self._seek(now)]

    def _blame(self, peer: bytes, points: int, reason: str, now: int) -> list[Action]:
        """Penalise, and fetch from another."""
        if peer in self._peers:
            self._peers[peer].rests_until = now + REST
        if peer == self._source:
            self._drop_source()
        return [Penalise(peer, points, reason), *self._seek(now)]

    def _drop_source(self) -> None:
        self._source, self._awaits_headers, self._asked = None, False, set()
        self._switching.forget()

    # Messages

    def _receive(self, peer: bytes, message: MainMessage, now: int) -> list[Action]:
        match message:
            case Status(_, tip, work, _):
                known = self._peers[peer]
                known.tip, known.claim = tip, int.from_bytes(work, "big")
                return self._seek(now)
            case GetHeaders(locator):
                return [Send(peer, Headers(self.line.after(locator, MAX_HEADERS)))]
            case Headers(headers):
                return self._headers(peer, headers, now)
            case GetBlocks(ids):
                return [Serve(peer, ids)]
            case BlockMessage(blocks):
                return [one for block in blocks for one in self._block(peer, block, now)]
            case Missing():
                return self._missing(peer, now)
            case Announce(header):
                return self._announced(peer, header, now)
            case _:
                return []

    def _headers(self, peer: bytes, headers: Sequence[Header], now: int) -> list[Action]:
        if peer != self._source or not self._awaits_headers:
            return []  # an answer that came too late
        try:
            delta = self.tree.add(headers, now)
        except Invalid as error:
            return self._blame(peer, _points(error), error.rule, now)
        before = self._shown_work(peer)
        if headers:
            self._peers[peer].best = headers[-1].id
        more = len(headers) == MAX_HEADERS and self._shown_work(peer) > before
        return [*_keep(delta), *(self._ask_headers if more else self._fetch)(peer, now)]

    def _announced(self, peer: bytes, header: Header, now: int) -> list[Action]:
        try:
            delta = self.tree.add([header], now)
        except HeaderOrphan:
            self._peers[peer].hint = True
            return self._seek(now)
        except Invalid as error:
            return self._blame(peer, _points(error), error.rule, now)
        self._peers[peer].best = header.id
        if peer == self._source:
            self._switching.extend(header.id, header.previous)
        return [*_keep(delta), *self._ask_blocks(now), *self._seek(now)]

    def _block(self, peer: bytes, block: Block, now: int) -> list[Action]:
        if peer != self._source or block.id not in self._asked:
            return []  # an answer that came too late
        try:
            check_block(block)
        except Invalid as error:  # another body under a true header: the peer's fault alone
            return self._blame(peer, BAN, error.rule, now)
        self._asked.discard(block.id)
        self._switching.keep(block.id)
        self._deadline = now + PATIENCE
        return [KeepBlock(block), *self._switching.advance(), *self._ask_blocks(now)]

    def _missing(self, peer: bytes, now: int) -> list[Action]:
        if peer != self._source or not self._asked:
            return []
        return self._blame(peer, 1, "missing", now)

    # Choosing whom to fetch from, and what

    def _seek(self, now: int) -> list[Action]:
        """Begin with the peer that promises most, if anyone promises more than we have."""
        if self._source is not None or self._switching.busy:
            return []
        awake = [peer for peer, known in self._peers.items() if known.rests_until <= now]
        best = max(awake, key=self._promise, default=None)
        if best is None or self._promise(best) <= _work(self.tip):
            return []
        self._source = best
        known = self._peers[best]
        asks = known.hint or known.claim > self._shown_work(best)
        return (self._ask_headers if asks else self._fetch)(best, now)

    def _promise(self, peer: bytes) -> int:
        hoped = _work(self.tip) + 1 if self._peers[peer].hint else 0
        return max(self._peers[peer].claim, self._shown_work(peer), hoped)

    def _shown(self, peer: bytes) -> Entry | None:
        """The best header that the peer has shown or named."""
        known = self._peers[peer]
        entries = [self.tree.entry(id) for id in (known.best, known.tip) if id]
        return max((e for e in entries if e), key=lambda e: e.work, default=None)

    def _shown_work(self, peer: bytes) -> int:
        shown = self._shown(peer)
        return _work(shown) if shown else 0

    def _ask_headers(self, peer: bytes, now: int) -> list[Action]:
        known = self._shown(peer) or self.tree.best()
        self._awaits_headers, self._deadline = True, now + PATIENCE
        return [Send(peer, GetHeaders(self.tree.line.locator(known)))]

    def _fetch(self, peer: bytes, now: int) -> list[Action]:
        """All headers of the source are here: plan the way to its best, ask for the blocks."""
        self._awaits_headers = False
        known, shown = self._peers[peer], self._shown(peer)
        known.hint = False
        if known.claim > self._shown_work(peer):  # or it could hold our attention for ever
            known.claim = self._shown_work(peer)
            return self._blame(peer, 5, "claimed more work than it showed", now)
        if shown is None or shown.work <= self.tip.work:
            self._drop_source()
            return self._seek(now)
        self._switching.plan(shown)
        self._deadline = now + PATIENCE
        return [*self._switching.advance(), *self._ask_blocks(now)]

    def _ask_blocks(self, now: int) -> list[Action]:
        """Keep up to 16 blocks asked for; ask for the next when half of them are here."""
        if self._source is None or self._awaits_headers or len(self._asked) > MAX_BLOCKS // 2:
            return []
        wanted = self._switching.wanted(self._asked, MAX_BLOCKS - len(self._asked))
        if not wanted:
            return []
        if not self._asked:
            self._deadline = now + PATIENCE
        self._asked.update(wanted)
        return [Send(self._source, GetBlocks(wanted))]

    # Switching the connected chain

    def _switched(self, now: int) -> list[Action]:
        self._switching.switched()
        if self._source is not None and self._switching.planned:  # more is on its way
            return [*self._switching.advance(), *self._ask_blocks(now)]
        self._drop_source()
        news = Broadcast(Announce(self.tip.header))
        return [news, *(self._adopt() or self._seek(now))]

    def _refused(self, block: bytes, reason: Invalid, now: int) -> list[Action]:
        on_plan, sound = self._switching.refused(block)
        guilty = self._source if on_plan else None
        self._drop_source()
        blame = self._blame(guilty, BAN, reason.rule, now) if guilty else self._seek(now)
        return [*sound, *blame]

    def _made(self, block: Block, now: int) -> list[Action]:
        """Judge a block of our own like any other; raises why it is refused."""
        check_block(block)
        delta = self.tree.add([block.header], now)
        if self._switching.holds(block.id):
            return []
        self._switching.keep(block.id)
        self._own = block.id
        return [*_keep(delta), KeepBlock(block), *self._adopt()]

    def _adopt(self) -> list[Switch]:
        """Switch to our own newest block if that gains work."""
        switch = self._switching.adopt(self._own) if self._own else []
        if switch:
            self._drop_source()
        return switch


def _keep(delta: HeaderDelta) -> list[Action]:
    return [KeepHeaders(delta.added)] if delta.added else []


def _points(error: Invalid) -> int:
    """A clock that is off is no attack."""
    return 10 if isinstance(error, HeaderTimeAhead) else BAN
