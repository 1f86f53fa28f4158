"""The one task that owns a light node's chain: the machine of headers, peers, what we send.

As in a full node's driver, everything that changes the chain comes through one inbox. Questions to
peers are asked by whoever needs the answer (`asking`); answers come through here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, assert_never

import structlog
import trio

from bystack.ledger.transactions import Transaction
from bystack.mainchain import events as sync
from bystack.mainchain.light_messages import CAPS as LIGHT_CAPS
from bystack.mainchain.light_messages import decode_light
from bystack.mainchain.light_sync import LightEvent, LightSync
from bystack.mainchain.line_history import LineHistory
from bystack.mainchain.messages import (
    BlockMessage,
    Headers,
    MainMessage,
    Missing,
    decode_message,
)
from bystack.mainchain.messages import encode_message as encoded
from bystack.mainchain.work import engine_named
from bystack.node.light.asking import Asking
from bystack.node.light.sending import Sending
from bystack.node.light.store import LightStore
from bystack.node.mainchain.digesting import carried, digest_ahead
from bystack.node.mainchain.signals import Signal
from bystack.node.mainchain.wire import GOSSIP, URGENCY
from bystack.p2p.host import Connected, Host, Lost, Message
from bystack.primitives.errors import Invalid, Misuse

INBOX: Final = 64
MALFORMED_POINTS: Final = 50
DEEP: Final = 10
TICK_SECONDS: Final = 1.0

log = structlog.get_logger("mainchain")


@dataclass(eq=False)
class Request:
    """A transaction to send, and why it was refused, if it was."""

    tx: Transaction
    done: trio.Event = field(default_factory=trio.Event)
    error: Invalid | None = None


@dataclass(frozen=True)
class Tick:
    """Time has passed."""


DriverEvent = Connected | Lost | Message | Request | Tick


class LightDriver:
    """Owns the headers of one process. Start `run` in a nursery.

    `changed` tells that the best chain moved; `stirred` also that a peer came, went or said where
    it is.
    """

    def __init__(self, store: LightStore, host: Host, wall: Callable[[], float]) -> None:
        self.store, self.host = store, host
        self.machine = LightSync(store.load())
        self.history = LineHistory(self.machine.tree, self.machine.line)
        self.changed, self.stirred = Signal(), Signal()
        self.asking, self.sending = Asking(host), Sending(host)
        self.inbound: set[bytes] = set()
        """Peers that came to us: an attacker may be as many of them as he likes."""
        self.deepest = 0
        self._engine = engine_named(store.params.work, store.engines)
        self._wall = wall
        self._inbox, self._events = trio.open_memory_channel[DriverEvent](INBOX)

    @property
    def syncing(self) -> bool:
        """Whether headers of a better chain are on their way."""
        return self.machine.busy

    async def submit(self, tx: Transaction) -> None:
        """Offer a transaction to every peer; raises the rule of form that refuses it."""
        request = Request(tx)
        await self._inbox.send(request)
        await request.done.wait()
        if request.error is not None:
            raise request.error

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Handle events until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hear)
            nursery.start_soon(self._tick)
            task_status.started()
            async for event in self._events:
                await self._take(event)

    async def _hear(self) -> None:
        async for event in self.host.events:
            await self._inbox.send(event)

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK_SECONDS)
            await self._inbox.send(Tick())

    async def _take(self, event: DriverEvent) -> None:
        match event:
            case Connected(peer, _, inbound):
                self.inbound |= {peer} if inbound else set()
                self.sending.join(peer, trio.current_time())
                await self._sync(sync.Joined(peer))
            case Lost(peer):
                self.inbound.discard(peer)
                self.sending.leave(peer, trio.current_time())
                self.asking.lost(peer)
                await self._sync(sync.Left(peer))
            case Message(peer, kind, payload):
                await self._receive(peer, kind, payload)
            case Request():
                self._submit(event)
            case Tick():
                await self._sync(sync.Tick())
            case _:
                assert_never(event)

    def _submit(self, request: Request) -> None:
        try:
            self.sending.submit(request.tx, trio.current_time())
        except Invalid as error:
            request.error = error
        request.done.set()

    async def _receive(self, peer: bytes, kind: int, payload: bytes) -> None:
        try:
            if kind == GOSSIP:
                self.sending.hear(peer, payload, trio.current_time())
            elif kind in LIGHT_CAPS:
                self.asking.hear(peer, decode_light(kind, payload))
            else:
                await self._dispatch(peer, decode_message(kind, payload))
        except Invalid as error:
            self.host.penalise(peer, MALFORMED_POINTS, error.rule)

    async def _dispatch(self, peer: bytes, message: MainMessage) -> None:
        match message:
            case BlockMessage():
                self.asking.hear_blocks(peer, message)
            case Missing():
                self.asking.hear_missing(peer, message)
            case Headers() if not self.machine.awaits(peer):  # no digest is worth making for it
                await self._sync(sync.Received(peer, message))
            case _:
                await digest_ahead(
                    self.machine.tree, carried(message), self.store.params, self._engine
                )
                await self._sync(sync.Received(peer, message))

    async def _sync(self, event: LightEvent) -> None:
        before, old = self.machine.tip, self.machine.line.tip()
        for action in self.machine.handle(event, int(self._wall())):
            match action:
                case sync.Send(peer, message):
                    kind, payload = encoded(message)
                    self.host.send(peer, kind, payload, URGENCY[type(message)])
                case sync.Penalise(peer, points, reason):
                    self.host.penalise(peer, points, reason)
                case sync.KeepHeaders(entries):
                    await self.store.keep_headers(entries)
                case other:
                    raise Misuse(f"a light node does not {type(other).__name__}")
        if self.machine.line.tip() != old:
            self._report(before.header.height, old)
            self.changed.notify()
        if not isinstance(event, sync.Tick):
            self.stirred.notify()

    def _report(self, height: int, old: bytes) -> None:
        """Say so when blocks left the best chain."""
        tree, line, depth = self.machine.tree, self.machine.line, 0
        while (entry := tree.entry(old)) is not None and not line.holds(old):
            old, depth = entry.header.previous, depth + 1
        self.deepest = max(self.deepest, depth)
        if depth > DEEP:
            log.error("deep reorganisation", depth=depth, height=height)
        elif depth:
            log.info("reorganisation", depth=depth, height=height)
