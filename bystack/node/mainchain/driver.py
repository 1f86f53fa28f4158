"""The one task that owns the main chain: sync machine, gossip machine, pool; one inbox, no locks.

Everything that changes the chain or the pool comes through the inbox: what peers send, ticks,
transactions and blocks of our own. Readers look at the store and at `machine.line` directly; these
change between two events only. A switch is judged in a task of its own, which changes nothing,
while blocks go on coming in; its verdict comes through the inbox and is carried out here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, assert_never

import structlog
import trio

from bystack.ledger.estimates import FeeEstimates
from bystack.ledger.transactions import Transaction
from bystack.mainchain import events as sync
from bystack.mainchain.blocks import Block
from bystack.mainchain.light_messages import CAPS as LIGHT_CAPS
from bystack.mainchain.messages import MainMessage, decode_message, encode_message
from bystack.mainchain.sync.compact import match
from bystack.mainchain.sync.machine import Sync
from bystack.mainchain.sync.pace import Progress
from bystack.mainchain.work import engine_named
from bystack.node.mainchain.admission import MainRules, PoolSettings, records_of
from bystack.node.mainchain.digesting import carried, digest_ahead
from bystack.node.mainchain.inbox import (
    DriverEvent,
    HandedIn,
    Judged,
    Request,
    Restored,
    Tick,
)
from bystack.node.mainchain.progress import ProgressLog
from bystack.node.mainchain.pruning import Pruner
from bystack.node.mainchain.relay import Relay
from bystack.node.mainchain.serving import Serving
from bystack.node.mainchain.serving_light import LightServing
from bystack.node.mainchain.shelf import Shelf
from bystack.node.mainchain.signals import Signal
from bystack.node.mainchain.switching import Decision, Switcher
from bystack.node.mainchain.wire import GOSSIP, URGENCY
from bystack.node.pool.pool import Pool
from bystack.node.store.chainstore import ChainStore
from bystack.node.verifying.verifier import Verifier
from bystack.p2p.host import Connected, Host, Lost, Message
from bystack.primitives.errors import Invalid

INBOX: Final = 64
MALFORMED_POINTS: Final = 50
DEEP: Final = 10
TICK_SECONDS: Final = 1.0
SHELF: Final = 16_000_000
"""Bytes of blocks and headers that may wait for the next batch."""

log = structlog.get_logger("mainchain")


class Driver:
    """Owns the chain of one process. Start `run` in a nursery; `submit` and `hand_in` from any."""

    def __init__(
        self,
        store: ChainStore,
        host: Host,
        wall: Callable[[], float],
        *,
        prune: int = 0,
        mempool: PoolSettings | None = None,
        index_addresses: bool = False,
    ) -> None:
        stored = store.load()
        self.store, self.host = store, host
        self.machine = Sync(stored.tree, stored.connected, stored.at_hand)
        self.machine.blocks_from = store.first_kept
        self.changed = Signal()
        self.verifier = Verifier()
        height = self.machine.tip.header.height + 1
        self.fees = FeeEstimates()
        waiting = (mempool or PoolSettings()).pool_at(height, int(wall()))
        rules = MainRules(store.params)
        self.pool = Pool(waiting, rules, store.coins.fetch, self.verifier, self.fees)
        self.relay = Relay(self.pool, host)
        self.deepest = self.reorganisations = 0
        self._wall = wall
        self._engine = engine_named(store.params.work, store.engines)
        self._shelf = Shelf(store)
        self._switcher = Switcher(store, stored.tree, self.verifier, index_addresses)
        self._pruner = Pruner(store, stored.tree, prune)
        self._inbox, self._events = trio.open_memory_channel[DriverEvent](INBOX)
        self._serving: Serving | None = None
        self._light: LightServing | None = None
        self._nursery: trio.Nursery | None = None
        self._handed_in = HandedIn(self.machine.may_connect)
        self._progress_log = ProgressLog()

    # For others

    def rate_within(self, blocks: int) -> int:
        """The fee rate, per million of weight, to be mined within so many blocks."""
        found, floor = self.fees.estimate(blocks), self.pool.machine.floor
        return floor if found is None else max(found.rate, floor)

    @property
    def syncing(self) -> bool:
        """Whether blocks of a better chain are on their way."""
        return self.machine.behind

    @property
    def progress(self) -> Progress:
        """How far and how fast we follow the best chain."""
        return self.machine.progress(self._now())

    async def submit(self, tx: Transaction) -> None:
        """Take a transaction into the pool and relay it; raises the rule by which it is refused."""
        await self._ask(Request(tx))
        log.debug("transaction taken in", id=tx.id.hex())

    async def hand_in(self, block: Block) -> None:
        """Connect a block of our own; raises the rule it breaks. A stale one is kept beside."""
        await self._ask(Request(block))

    async def restore(self, transactions: Sequence[Transaction], since: Sequence[int]) -> None:
        """Take in again, as far as they still stand, transactions that waited before a restart."""
        await self._ask(Request(Restored(tuple(transactions), tuple(since))))

    async def _ask(self, request: Request) -> None:
        await self._inbox.send(request)
        await request.done.wait()
        if request.error is not None:
            raise request.error

    # The task

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Handle events until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._serving = Serving(self.host, self.store, nursery)
            self._light = LightServing(
                self.host, self.store, self.machine, nursery, self.rate_within
            )
            nursery.start_soon(self._hear)
            nursery.start_soon(self._tick)
            task_status.started()
            async for event in self._events:
                await self._take(event)
                if not self._events.statistics().current_buffer_used:
                    await self.relay.settle(trio.current_time())
                await self._flush()

    async def _hear(self) -> None:
        async for event in self.host.events:
            await self._inbox.send(event)

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK_SECONDS)
            await self._inbox.send(Tick())

    async def _take(self, event: DriverEvent) -> None:
        match event:
            case Connected(peer):
                await self._join(peer)
            case Lost(peer):
                await self._leave(peer)
            case Message(peer, kind, payload) if kind == GOSSIP:
                await self.relay.hear(peer, payload, trio.current_time())
            case Message(peer, kind, payload) if kind in LIGHT_CAPS and self._light:
                self._light.hear(peer, kind, payload)
            case Message(peer, kind, payload):
                await self._receive(peer, kind, payload)
            case Request():
                await self._answer(event)
            case Tick():
                self.machine.blocks_from = self.store.first_kept
                self._sync(sync.Tick())
                self._progress_log.tell(self.syncing, self.progress, trio.current_time())
                await self.relay.tick(trio.current_time())
                self.fees.live = not self.syncing
                self.pool.tick(self._now(), trio.current_time())
                await self._pruner.step(self.machine.tip)
            case Judged(decision):
                await self._carry_out(decision)
            case _:
                assert_never(event)

    async def _join(self, peer: bytes) -> None:
        if self._serving:
            self._serving.join(peer)
        self._sync(sync.Joined(peer))
        await self.relay.join(peer, trio.current_time())

    async def _leave(self, peer: bytes) -> None:
        if self._serving:
            self._serving.leave(peer)
        if self._light:
            self._light.leave(peer)
        self._sync(sync.Left(peer))
        await self.relay.leave(peer, trio.current_time())

    async def _receive(self, peer: bytes, kind: int, payload: bytes) -> None:
        try:
            message = decode_message(kind, payload)
        except Invalid as error:
            return self.host.penalise(peer, MALFORMED_POINTS, error.rule)
        await self._digest(message)
        self._sync(sync.Received(peer, message, len(payload)))

    async def _digest(self, message: MainMessage | Block) -> None:
        params, headers = self.store.params, carried(message)
        await digest_ahead(self.machine.tree, headers, params, self._engine)

    async def _answer(self, request: Request) -> None:
        """The boundary of a request: a rule it breaks is its own answer, not our end."""
        try:
            await self._work(request, request.work)
        except Invalid as error:
            request.error = error
        if request not in self._handed_in:
            request.done.set()  # not in a `finally`: one that ends this process gets no answer

    async def _work(self, request: Request, work: Transaction | Block | Restored) -> None:
        match work:
            case Restored(transactions, since):
                await self.pool.admit_all(transactions, since)
            case Transaction():
                await self.relay.admit(work, trio.current_time())
            case Block():
                await self._digest(work)
                self._sync(sync.Made(work))
                self._handed_in.add(request, work)

    # What the sync machine asks for

    def _sync(self, event: sync.Event) -> None:
        todo = deque(self.machine.handle(event, self._now()))
        while todo:
            match todo.popleft():
                case sync.Match(peer, block):
                    found = match(block, self.pool.transactions())
                    event = sync.Matched(peer, block.header.id, found)
                    todo.extend(self.machine.handle(event, self._now()))
                case action:
                    self._perform(action)

    def _perform(self, action: sync.Action) -> None:
        match action:
            case sync.Send(peer, message):
                self._send(peer, message)
            case sync.Broadcast(message):
                self.host.broadcast(*encode_message(message), URGENCY[type(message)])
            case sync.Serve(peer, ids) if self._serving:
                self._serving.ask(peer, ids)
            case sync.ServeCompact(peers, id) if self._serving:
                self._serving.ask_compact(peers, id)
            case sync.ServeTransactions(peer, id, positions) if self._serving:
                self._serving.ask_part(peer, id, positions)
            case sync.Switch() if self._nursery:
                self._begin(action, self._nursery)
            case sync.KeepHeaders(entries):
                self._shelf.keep_headers(entries)
            case sync.KeepBlock(block):
                self._shelf.keep_block(block)
            case sync.Penalise(peer, points, reason):
                self.host.penalise(peer, points, reason)
            case _:
                return  # nobody is served and nothing switched before the task runs

    def _send(self, peer: bytes, message: MainMessage) -> None:
        kind, payload = encode_message(message)
        self.host.send(peer, kind, payload, URGENCY[type(message)])

    def _begin(self, switch: sync.Switch, nursery: trio.Nursery) -> None:
        """Have a switch judged; blocks come in meanwhile."""
        self._pruner.require(switch, self.machine.tip)
        fresh = {id: block for id in switch.connect if (block := self._shelf.blocks.get(id))}
        nursery.start_soon(self._judge, switch, fresh)

    async def _judge(self, switch: sync.Switch, fresh: Mapping[bytes, Block]) -> None:
        decision = await self._switcher.judge(switch, fresh)
        await self._inbox.send(Judged(decision))

    async def _carry_out(self, decision: Decision | sync.Refused) -> None:
        """Make the switch or refuse it, and let everybody follow."""
        if isinstance(decision, sync.Refused):
            log.warning("block refused", block=decision.block.hex(), reason=str(decision.reason))
            self._shelf.keep_refusal(decision.block)
            self._sync(decision)
            return self._handed_in.answer(decision)
        await self.store.commit_switch({**self._shelf.take(), **decision.changes}, decision.delta)
        self._sync(sync.Switched())
        await self._pruner.step(self.machine.tip)
        await self._settle(decision)
        self._report(decision)
        self.changed.notify()
        self._handed_in.answer()

    async def _settle(self, decision: Decision) -> None:
        """Let the pool follow the chain."""
        height, now = self.machine.tip.header.height + 1, trio.current_time()
        if decision.move.leaving:
            fresh = await self.pool.replace(decision.undone, decision.done, height)
        else:
            claims = [record for tx in decision.done for record in records_of(tx)]
            fresh = await self.pool.connect(decision.done, height, claims)
        if not self.syncing:
            fresh = [*fresh, *await self.pool.retry()]
        await self.relay.announce(fresh, now)

    def _report(self, decision: Decision) -> None:
        tip, depth = self.machine.tip, len(decision.move.leaving)
        self.deepest = max(self.deepest, depth)
        self.reorganisations += bool(depth)
        facts: dict[str, Any] = {"height": tip.header.height, "id": tip.id.hex()}
        if depth > DEEP:
            log.error("deep reorganisation", depth=depth, **facts)
        elif depth:
            log.info("reorganisation", depth=depth, **facts)
        else:
            log.debug("connected", blocks=len(decision.move.joining), **facts)

    async def _flush(self) -> None:
        """Store what is kept, unless more is here to be stored with it or a switch will do so."""
        waiting = self._events.statistics().current_buffer_used or self.machine.busy
        if self._shelf.size > SHELF or (self._shelf.size and not waiting):
            await self.store.commit(self._shelf.take())

    def _now(self) -> int:
        return int(self._wall())
