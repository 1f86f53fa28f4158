"""The sync machine: hears peers and the driver, says what to ask, keep, switch and tell.

Work decides, never a peer's word: a claimed status only says whom to ask for headers. Only ids and
sizes of blocks at hand are kept here: the driver stores each block and switches to a branch when
told, in one batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import Block, Header
from bystack.mainchain.chain import Entry
from bystack.mainchain.events import (
    Action,
    Broadcast,
    Event,
    Joined,
    KeepBlock,
    KeepHeaders,
    Left,
    Made,
    Matched,
    Received,
    Refused,
    Send,
    Switched,
    Tick,
)
from bystack.mainchain.line import Line
from bystack.mainchain.messages import (
    Announce,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    Headers,
    MainMessage,
    Missing,
    Status,
    WantCompact,
)
from bystack.mainchain.switching import Switching
from bystack.mainchain.sync.answers import Answers
from bystack.mainchain.sync.compact import Filling, ShortCollision, check_compact
from bystack.mainchain.sync.goals import Goals
from bystack.mainchain.sync.headers import HeaderSync
from bystack.mainchain.sync.news import News
from bystack.mainchain.sync.pace import Pace, Progress
from bystack.mainchain.sync.peers import (
    CONTRADICTION,
    UNASKED,
    Peers,
    offence_of,
)
from bystack.mainchain.sync.window import Answer, Window
from bystack.mainchain.transition import check_block
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Invalid

REMIND: Final = 30
GIVERS: Final = 4_096
OWN: Final = 16
"""Blocks handed in that have more work than the tip and wait for what lies between."""
LEAP: Final = 2
"""Seconds that steady time takes at most for what passes between two events."""


class Sync:
    """Owns the header tree and knows which blocks are connected and at hand.

    `blocks_from` is the lowest height whose block can be served here; the driver sets it.
    """

    def __init__(self, tree: HeaderTree, connected: bytes, at_hand: Iterable[bytes] = ()) -> None:
        """`connected` is the last connected block, `at_hand` those stored and not connected."""
        self.tree = tree
        self.blocks_from = 0
        self._switching = Switching(tree, connected, at_hand)
        self._peers = Peers(tree)
        self._headers = HeaderSync(tree, self._peers, self._switching)
        self._window = Window(tree, self._peers, self._switching)
        self._goals = Goals(tree, self._peers, self._window, self._switching)
        self._answers = Answers(tree, self._peers, self._switching)
        self._news = News(self._peers)
        self._pace = Pace()
        self._givers: dict[bytes, bytes] = {}
        heaviest = self._switching.heaviest()
        self._own, self._try_own = [heaviest] if heaviest else [], True
        self._transactions = self._count(self.line.at(h) for h in self._heights())
        self._wall, self._now, self._told = 0, 0, 0

    @property
    def tip(self) -> Entry:
        """The entry of the last connected block."""
        return self._switching.tip

    @property
    def line(self) -> Line:
        """The connected chain."""
        return self._switching.line

    @property
    def busy(self) -> bool:
        """Whether a switch is asked for and not yet answered."""
        return self._switching.busy

    def may_connect(self, block: bytes) -> bool:
        """Whether a block at hand, not connected, may be so by a switch under way."""
        entry = self.tree.entry(block)
        gains = entry is not None and entry.work > self.tip.work
        return self.busy and gains and not self.line.holds(block)

    @property
    def behind(self) -> bool:
        """Whether a better chain is known or asked for."""
        return self._headers.busy or self.tree.best().work > self.tip.work

    def progress(self, now: int) -> Progress:
        """How far we are on the way to the best headers; `now` in seconds."""
        plan, best = self._switching, self.tree.best().header.height
        remaining = plan.transactions if plan.planned else 0
        place = (self.tip.header.height, best, self._transactions, remaining)
        return Progress(*place, *self._pace.recent(now), self._window.sources(self._now))

    def handle(self, event: Event, now: int) -> list[Action]:
        """What to do about an event, in order; `now` in seconds of the clock."""
        self._pass(now)
        return [*self._hear(event), *self._go_on()]

    def _pass(self, now: int) -> None:
        """Steady time: neither a clock that is set nor a pause of ours makes peers look late."""
        self._now += min(max(now - (self._wall or now), 0), LEAP)
        self._wall = now

    def _hear(self, event: Event) -> list[Action]:
        match event:
            case Joined(peer):
                return self._join(peer)
            case Left(peer):
                return self._leave(peer)
            case Received(peer, message, size):
                return self._receive(peer, message, size) if peer in self._peers else []
            case Tick():
                return self._tick()
            case Made(block):
                return self._made(block)
            case Switched():
                return self._switched()
            case Refused(block, reason):
                return self._refused(block, reason)
            case Matched(peer, id, found):
                filling, asks = self._news.matched(peer, id, found)
                return [*asks, *(self._filled(filling, ()) if filling else [])]

    def _go_on(self) -> list[Action]:
        """Ask and switch as far as what is known now allows."""
        for peer in self._peers.blamed():
            self._headers.forget(peer)
            self._window.release(peer)
        self._goals.aim(self._now)
        switch = [*self._adopt(), *self._switching.advance()]
        return [*switch, *self._headers.seek(self._now), *self._window.ask(self._now)]

    # Peers and time

    def _join(self, peer: bytes) -> list[Action]:
        self._peers.join(peer)
        self._window.join(peer)
        return [Send(peer, self._status())]

    def _status(self) -> Status:
        return Status(self.tip.header.height, self.tip.id, self.tip.work, self.blocks_from)

    def _leave(self, peer: bytes) -> list[Action]:
        if peer in self._peers:
            self._headers.leave(peer)
            self._window.leave(peer)
            self._news.leave(peer)
            self._peers.leave(peer)
        return []

    def _tick(self) -> list[Action]:
        dismissed: list[Action] = []
        for peer, id in self._news.overdue(self._now):
            self._window.abandon(peer, id)
            dismissed += self._news.dismiss(peer)
        return [
            *dismissed,
            *self._remind(),
            *self._headers.watch(self._now),
            *self._window.watch(self._now),
        ]

    def _remind(self) -> list[Action]:
        """Say where we are now and then: a full queue may have swallowed an announcement."""
        if self._now < self._told + REMIND:
            return []
        self._told = self._now
        return [Broadcast(self._status())]

    # Messages

    def _receive(self, peer: bytes, message: MainMessage, size: int) -> list[Action]:
        match message:
            case Status():
                fine = self._peers.claimed(peer, message)
                return [] if fine else [*self._peers.blame(peer, CONTRADICTION, self._now)]
            case Headers(headers):
                return self._headers.received(peer, headers, self._now, self._wall)
            case BlockMessage(blocks):
                return self._blocks(peer, blocks, size)
            case Missing(ids):
                return self._missing(peer, ids)
            case Announce(header):
                return self._announced(peer, header)
            case CompactBlock():
                return self._compact(peer, message)
            case BlockTransactions(id, transactions):
                filling = self._news.answered(peer, id)
                return self._filled(filling, transactions) if filling else self._uncalled(peer, id)
            case WantCompact(unasked):
                self._news.wants(peer, bool(unasked))
                return []
            case _:
                return self._answers.answer(peer, message, self._now)

    def _unasked(self, peer: bytes) -> list[Action]:
        return [*self._peers.blame(peer, UNASKED, self._now)]

    def _uncalled(self, peer: bytes, id: bytes) -> list[Action]:
        return [] if self._news.pardons(peer, id) else self._unasked(peer)

    def _blame(self, peer: bytes, error: Invalid) -> list[Action]:
        return [*self._peers.blame(peer, offence_of(error), self._now)]

    # Blocks

    def _blocks(self, peer: bytes, blocks: Sequence[Block], size: int) -> list[Action]:
        kept: list[Action] = []
        for block in blocks:
            answer = self._window.take(peer, block.id, size // len(blocks), self._now)
            if answer is Answer.UNASKED:
                return [*kept, *self._unasked(peer)]
            if self._useless(block.id, answer):
                continue
            try:
                check_block(block)
            except Invalid as error:  # another body under a true header: the peer's fault alone
                return [*kept, *self._blame(peer, error)]
            kept += self._keep(peer, block, size // len(blocks))
        return kept

    def _useless(self, id: bytes, answer: Answer) -> bool:
        """Whether a block is no help. A late one may be after its giver rests and no plan has it:
        over a line so slow that each is late, nothing would ever come otherwise."""
        entry = self.tree.entry(id)
        if entry is None or self._switching.holds(id):
            return True
        wanted = self._switching.on_plan(id) or entry.work > self.tip.work
        return answer is Answer.LATE and not wanted

    def _keep(self, peer: bytes, block: Block, size: int) -> list[Action]:
        self._switching.keep(block.id, size)
        self._window.stored(block.id)
        self._givers[block.id] = peer
        if len(self._givers) > GIVERS:
            del self._givers[next(iter(self._givers))]
        return [KeepBlock(block)]

    def _missing(self, peer: bytes, ids: tuple[bytes, ...]) -> list[Action]:
        if self._news.missing(peer, ids):
            for id in ids:
                self._window.abandon(peer, id)
            return []
        return [*self._window.missing(peer, ids, self._now)]

    # News

    def _announced(self, peer: bytes, header: Header) -> list[Action]:
        kept = self._headers.announced(peer, header, self._now, self._wall)
        if not self._is_next(peer, header.id):
            return kept
        asks = self._news.ask(peer, header, self._now)
        if asks:
            self._window.reserve(peer, header.id, self._now)
        return [*kept, *asks]

    def _is_next(self, peer: bytes, id: bytes) -> bool:
        """Whether this block is all that lacks, and this peer is one to ask for it."""
        self._goals.aim(self._now)
        plan = self._switching
        alone = plan.goal == id and plan.lacking == plan.last and self._window.admits(id)
        return alone and not self._peers.rests(peer, self._now) and self._peers.serves(peer)

    def _compact(self, peer: bytes, block: CompactBlock) -> list[Action]:
        id = block.header.id
        if not self._news.expected(peer, id):
            return self._uncalled(peer, id)
        try:
            check_compact(block)
        except Invalid as error:
            return self._blame(peer, error)
        kept = self._headers.announced(peer, block.header, self._now, self._wall)
        if not self._news.asked(peer, id):
            if not self._is_next(peer, id) or not self._news.free(peer):
                return kept
            self._window.reserve(peer, id, self._now)
        return [*kept, *self._news.begin(peer, block, self._now)]

    def _filled(self, filling: Filling, given: Sequence[Transaction]) -> list[Action]:
        peer, id = filling.peer, filling.block.header.id
        try:
            block = filling.whole(given)
        except ShortCollision:
            self._window.abandon(peer, id)
            return []
        except Invalid as error:
            return self._blame(peer, error)
        size = sum(tx.size for tx in block.transactions)
        answer = self._window.take(peer, id, size, self._now)
        return [] if self._useless(id, answer) else self._keep(peer, block, size)

    # Switching the connected chain

    def _switched(self) -> list[Action]:
        done = self._switching.switched()
        count = self._count(done.connect)
        self._transactions += count - self._count(done.disconnect)
        self._pace.count(self._wall, len(done.connect), count)
        givers = [self._givers.pop(id, None) for id in done.connect]
        self._try_own = True
        self._goals.aim(self._now)
        if self._switching.planned:
            return []  # more is on its way
        first = givers[0] if len(givers) == 1 else None
        return [*self._news.tell(self.tip), *(self._news.thank(first) if first else [])]

    def _refused(self, block: bytes, reason: Invalid) -> list[Action]:
        giver = self._givers.pop(block, None)
        sound = self._switching.refused(block)
        self._try_own = True
        return [*sound, *(self._blame(giver, reason) if giver else [])]

    def _made(self, block: Block) -> list[Action]:
        """Judge a block of our own like any other; raises why it is refused."""
        check_block(block)
        delta = self.tree.add([block.header], self._wall)
        if not self.line.holds(block.id):  # one at hand may wait for another that is lighter
            others = [id for id in self._own if id != block.id]
            self._own = [*others[: OWN - 1], block.id]
            self._try_own = True
        if self._switching.holds(block.id):
            return []
        self._switching.keep(block.id, sum(tx.size for tx in block.transactions))
        return [*([KeepHeaders(delta.added)] if delta.added else []), KeepBlock(block)]

    def _adopt(self) -> list[Action]:
        """Switch to the best of our own blocks if that gains work; tried whenever the tip moved."""
        if self._switching.busy or not self._try_own:
            return []
        self._try_own = False
        known = [entry for id in self._own if (entry := self.tree.entry(id))]
        better = [entry for entry in known if entry.work > self.tip.work]
        better.sort(key=lambda entry: entry.work, reverse=True)
        self._own = [entry.id for entry in better]
        tries = map(self._switching.adopt, self._own)
        return [*next(filter(None, tries), [])]

    def _heights(self) -> range:
        first = self.tree.first.header.height
        return range(first, first + len(self.line))

    def _count(self, ids: Iterable[bytes | None]) -> int:
        return sum(self._switching.entry(id).header.transaction_count for id in ids if id)
