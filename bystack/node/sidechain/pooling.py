"""The one task that owns the memory pool and its gossip, beside consensus so that it never waits.

Peers' gossip that finds no room is dropped: it is announced again (`relay.REMIND`). What the
engine's task says (peers come and go, blocks are final) is always heard, in order.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

import structlog
import trio

from bystack.ledger.coins import Coin, CoinView
from bystack.ledger.mempool import Mempool
from bystack.ledger.template import select
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.node.mainchain.relay import Relay
from bystack.node.mainchain.signals import Signal
from bystack.node.mainchain.wire import TOPIC as MAIN_TOPIC
from bystack.node.pool.pool import Pool
from bystack.node.sidechain.admission import SideRules, claims_of
from bystack.node.sidechain.store import SideStore
from bystack.node.sidechain.waiting_room import WaitingRoom
from bystack.node.verifying.verifier import Verifier
from bystack.p2p.host import Host
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid
from bystack.sidechain.burden import MAX_BURDEN
from bystack.sidechain.parameters import MAX_BLOCK_BYTES

INBOX: Final = 1024
ROOM: Final = 256
TICK_SECONDS: Final = 1.0
PATIENCE: Final = 1.0
GIVEN: Final = 1.2
"""Seconds that a block on its way keeps the pool waiting at most."""
TOGETHER: Final = 32
"""Transactions judged at a time: the engine's messages are heard between two lots."""
CROWDED: Final = 5_000
DELAY: Final = 1.0
"""So many waiting, who hands in more waits for the next block, or so many seconds: a node that goes
on judging at once all it is handed has no time left for the blocks, and fewer and fewer come."""
HOP: Final = 0.25
"""Seconds between two announcements of what peers sent: about half a block."""
JUDGED_AGAIN: Final = 100
"""After a block so many of those that act on the state are judged again, the next ones in turn."""
NOTHING: CoinView = dict[Outpoint, Coin]()

TOPIC: Final = replace(MAIN_TOPIC, wanted=16_384, per_peer=8_192, requests=2_048, memory=32_768)
"""As on the main chain, for thousands a second: asked for while hundreds are on their way."""

log = structlog.get_logger("pool")


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
    """A peer sent gossip."""

    peer: bytes
    payload: bytes


@dataclass(frozen=True)
class BlockFinal:
    """A block with these transactions is durable; `height` is that of the next one."""

    transactions: tuple[Transaction, ...]
    height: int


@dataclass(frozen=True)
class Useless:
    """These do not apply any more."""

    ids: tuple[bytes, ...]


@dataclass(frozen=True)
class Tick:
    """Time has passed, or a block waits to be followed."""


@dataclass(frozen=True)
class PassOn:
    """What peers sent is to be announced."""


@dataclass(eq=False)
class Request:
    """Transactions handed in from outside, and by id why some were not taken."""

    txs: Sequence[Transaction]
    done: trio.Event = field(default_factory=trio.Event)
    refused: dict[bytes, Invalid] = field(default_factory=dict)


PoolEvent = Joined | Left | Heard | Tick | PassOn | Request


class Pooling:
    """Owns the pool of one sidechain; `waiting` wakes whoever would make blocks."""

    def __init__(self, store: SideStore, rules: SideRules, host: Host, verifier: Verifier) -> None:
        mempool = Mempool(store.height + 1, min_rate=0, now=int(time.time()))
        self.pool = Pool(mempool, rules, store.coins.fetch, verifier)
        self.waiting = Signal()
        self._rules = rules
        self._relay = Relay(self.pool, host, TOPIC, TOGETHER, HOP)
        self._gathered, self._passing = trio.Event(), False
        self._inbox, self._events = trio.open_memory_channel[PoolEvent](INBOX)
        self._room = WaitingRoom(INBOX - ROOM)
        self._urgent: deque[BlockFinal | Useless] = deque()
        self._followed = Signal()
        self._way, self._free = 0.0, Signal()
        self._again = 0

    # For others

    def give_way(self) -> None:
        """A block is on its way: what waits to be judged waits until it is final, or a while."""
        self._way = trio.current_time() + GIVEN

    def go_on(self) -> None:
        """The block is final."""
        self._way = 0.0
        self._free.notify()

    async def submit(self, tx: Transaction) -> None:
        """Take a transaction in and relay it; raises the rule by which it is refused."""
        refused = await self.submit_all([tx])
        if tx.id in refused:
            raise refused[tx.id]
        log.debug("transaction taken in", id=tx.id.hex())

    async def submit_all(self, txs: Sequence[Transaction]) -> dict[bytes, Invalid]:
        """Take transactions in together and relay them; by id the rule by which one is refused.

        Where thousands wait already, after a delay.
        """
        with trio.move_on_after(DELAY):
            while len(self) >= CROWDED:
                await self._followed.wait()
        request = Request(txs)
        await self._inbox.send(request)
        await request.done.wait()
        return request.refused

    async def tell(self, event: Joined | Left | BlockFinal | Useless | Tick) -> None:
        """What must be heard; of blocks before all that waits."""
        if isinstance(event, BlockFinal | Useless):
            self._urgent.append(event)
            self._free.notify()
            event = Tick()
        await self._inbox.send(event)

    def hear(self, peer: bytes, payload: bytes) -> None:
        """Gossip of a peer; dropped while too much waits, of all or of this one."""
        if self._inbox.statistics().current_buffer_used >= INBOX - ROOM:
            return
        if self._room.enter(peer, len(payload)):
            self._inbox.send_nowait(Heard(peer, payload))

    async def candidates(self, height: int, most: int = MAX_INT) -> tuple[Transaction, ...]:
        """What the block at `height` should hold, in a valid order, about `most` at most.

        The pool has followed the last block by then, or a moment has passed: what does not apply
        is left out anyway.
        """
        with trio.move_on_after(PATIENCE):
            while self.pool.machine.height < height:
                await self._followed.wait()
        return self.standing(most)

    def standing(self, most: int = MAX_INT) -> tuple[Transaction, ...]:
        """What a block should hold of the pool as it stands, in a valid order, about `most`."""
        pool = self.pool.machine
        chosen = select(pool, MAX_BLOCK_BYTES, most=most, max_burden=MAX_BURDEN)
        return tuple(one.tx for one in chosen)

    def proving(self) -> frozenset[Outpoint]:
        """The main-chain outputs that waiting transactions prove."""
        extra = (claim for one in self.pool.machine for claim in one.extra)
        return frozenset(claim[1] for claim in extra if isinstance(claim, tuple))

    def __len__(self) -> int:
        return len(self.pool.machine)

    # The task

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Handle events until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tick)
            nursery.start_soon(self._pass_on)
            task_status.started()
            async for event in self._events:
                before = len(self)
                await self._wait_for_way()
                await self._follow()
                await self._take(event)
                await self._follow()
                if not self._events.statistics().current_buffer_used:
                    await self._relay.settle(trio.current_time())
                if self._relay.hop_due < float("inf") and not self._passing:
                    self._passing = True
                    self._gathered.set()
                if len(self) > before:
                    self.waiting.notify()

    async def _wait_for_way(self) -> None:
        """Consensus goes before the pool: its steps are short, and each waits for the last."""
        with trio.move_on_at(self._way):
            while trio.current_time() < self._way and not self._urgent:
                await self._free.wait()

    async def _follow(self) -> None:
        """Blocks go before all else: the next one is built of what they leave."""
        while self._urgent:
            match self._urgent.popleft():
                case BlockFinal(transactions, height):
                    await self.settle(transactions, height)
                    self._followed.notify()
                case Useless(ids):
                    self._drop(ids)

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK_SECONDS)
            await self._inbox.send(Tick())

    async def _pass_on(self) -> None:
        """Wake the pool when what peers sent is to be announced."""
        while True:
            await self._gathered.wait()
            self._gathered = trio.Event()
            await trio.sleep(HOP)
            await self._inbox.send(PassOn())

    async def _take(self, event: PoolEvent) -> None:
        now = trio.current_time()
        match event:
            case Joined(peer):
                await self._relay.join(peer, now)
            case Left(peer):
                await self._relay.leave(peer, now)
            case Heard(peer, payload):
                self._room.leave(peer, len(payload))
                await self._relay.hear(peer, payload, now)
            case Tick():
                await self._relay.tick(now)
                self.pool.tick(int(time.time()), now)
            case PassOn():
                self._passing = False
                await self._relay.pass_on(now)
            case Request():
                await self._answer(event)
            case _:
                assert_never(event)

    def _drop(self, ids: Sequence[bytes]) -> None:
        for id in ids:
            self.pool.drop(id)

    async def _answer(self, request: Request) -> None:
        """The boundary of a request: a rule it breaks is its own answer, not our end."""
        try:
            request.refused = await self._relay.admit_all(request.txs, trio.current_time())
        finally:
            request.done.set()

    async def settle(self, transactions: tuple[Transaction, ...], height: int) -> None:
        """Let the pool follow a final block, and put out what no longer applies on it."""
        claims = [claim for tx in transactions for claim in claims_of(tx)]
        fresh = await self.pool.connect(transactions, height, claims)
        await self._relay.announce(fresh, trio.current_time())
        await self._judge_again()

    async def _judge_again(self) -> None:
        """What acts on the state (claims, burns, modules) may have become impossible.

        Where many wait, only some of them: each is an execution of its own, on the loop that
        consensus runs on, and a proposer puts out what it could not use.
        """
        waiting = [one for one in self.pool.machine if one.tx.body.actions]
        start = self._again % len(waiting) if waiting else 0
        chosen = [*waiting[start:], *waiting[:start]][:JUDGED_AGAIN]
        self._again = start + len(chosen)
        for one in chosen:
            await trio.lowlevel.checkpoint()
            if one.tx.id not in self.pool.machine:
                continue
            # Its own outputs are in the pool's view: what mints must not find them there.
            coins = await self.pool.coins_for(one.tx) if one.tx.body.inputs else NOTHING
            try:
                self._rules.judge(coins, one.tx, self.pool.machine.height)
            except Invalid as error:
                log.debug("no longer applies", id=one.tx.id.hex(), reason=error.rule)
                self.pool.drop(one.tx.id)
