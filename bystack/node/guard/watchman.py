"""The guard's task: one machine, one inbox. What the machine says is written down, then done."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import structlog
import trio

from bystack.federation.guarding.alarms import Act, Alarm, AlarmRecord, Ended, Kind, Output
from bystack.federation.guarding.excerpts import Excerpts, KeptExcerpts
from bystack.federation.guarding.machine import Guarding
from bystack.federation.guarding.vault import UndoForgotten
from bystack.federation.guarding.view import Heard
from bystack.federation.purse import Purse
from bystack.ledger.payments import single_key_root
from bystack.mainchain.blocks import Block
from bystack.node.federation.agreeing import NodeBehind, check_heights
from bystack.node.federation.events import (
    Ask,
    MainConnected,
    MainDisconnected,
    MainRestarted,
    Tick,
)
from bystack.node.federation.feeding import Feeding
from bystack.node.federation.memory import Memory
from bystack.node.guard.acting import Acting
from bystack.node.guard.book import Book
from bystack.node.guard.following import Event, MainReached, SideMoved
from bystack.node.guard.hook import Hook
from bystack.node.guard.links import GuardLinks
from bystack.node.guard.requests import answer
from bystack.node.guard.setting import Setting
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.metrics.figures import GuardFigures
from bystack.node.store.failpoints import failpoint
from bystack.primitives.errors import Invalid
from bystack.sidechain.relayed import ChainPlace

log = structlog.get_logger("guard")

LOOK_TICKS = 4


class Watchman:
    """One guard. Made once; `run` owns everything in it."""

    def __init__(
        self, setting: Setting, links: GuardLinks, book: Book, memory: Memory[KeptExcerpts]
    ) -> None:
        self.setting, self.links, self.book = setting, links, book
        self._memory = memory
        self.excerpts = _excerpts(setting)
        self.hook = Hook(setting.hook)
        self.told = trio.Event()
        self._begin()

    def _begin(self) -> None:
        """The main chain is followed from below the vault: nothing is known of it yet."""
        genesis = self.setting.genesis
        self.machine = Guarding(genesis, self.setting.rules, self.book.standing)
        self.purse = Purse(self.setting.sponsor, self.setting.params.maturity)
        self._feeding = Feeding(self.links, genesis, 0)
        self.acting = Acting(self.links, self.setting, self.book, self.purse, self._feeding)
        self._reached = False
        self._ticks = 0

    @property
    def known(self) -> tuple[ChainPlace, ...]:
        """The last blocks followed, after one that lies below the vault."""
        start = self.setting.genesis.checkpoint.header
        return ChainPlace(start.height, start.id), *self.excerpts.known

    async def resume(self) -> None:
        """Follow again what is remembered of the main chain; what does not hold is forgotten."""
        self._memory.resume(self.excerpts)
        try:
            for block in self.excerpts.blocks:
                self._take(block)
                await trio.lowlevel.checkpoint()
        except Invalid as error:
            log.warning("main chain is read from its start", reason=str(error))
            self.excerpts.restart()
            self._begin()

    async def run(self, inbox: trio.MemoryReceiveChannel[Event]) -> None:
        """Handle events for ever; lines that are down are asked again at the next."""
        async for event in inbox:
            try:
                await self._handle(event)
            except (Unavailable, RemoteError) as error:
                log.info("put off", on=type(event).__name__, reason=str(error))

    async def _handle(self, event: Event) -> None:
        match event:
            case MainConnected():
                self._connect(event)
            case MainDisconnected(height, id):
                self._disconnect(height, id)
            case MainRestarted():
                self.excerpts.restart()
                self._begin()
            case MainReached():
                self._reached = True
                await self._look()
            case SideMoved(height):
                await self._side(height)
            case Tick():
                await self._tick()
            case Ask():
                await answer(self, event)

    def _connect(self, event: MainConnected) -> None:
        self.excerpts.connect(event.block)
        self._take(event.block)

    def _take(self, block: Block) -> None:
        """A block, or what of it concerns this guard."""
        height = block.header.height
        self.purse.connect(block.id, height, block.transactions)
        self._feeding.connect(height, block)
        self._reached = False
        self.perform(self.machine.connected(height, block, _now()))

    def _disconnect(self, height: int, id: bytes) -> None:
        self._reached = False
        self.excerpts.disconnect(height)
        self._feeding.disconnect(height)
        try:
            self.perform(self.machine.disconnected(height))
        except UndoForgotten as error:
            log.error("reorganisation too deep", reason=str(error))
            raise
        self.purse.disconnect(id)

    async def _side(self, height: int) -> None:
        view = self.machine.view
        if view is None or height > view.height:
            await self._look()

    async def _look(self) -> None:
        """See how the sidechain stands, and act at once on what follows."""
        machine = self.machine
        view = await self.links.view(self.setting.genesis, machine.vault.terms, machine.wanted())
        self.perform(machine.viewed(view, _now()))
        await self._act()

    async def _tick(self) -> None:
        """The clock; the view is renewed when it is wanted, or has grown old."""
        self._ticks += 1
        await self._memory.tick(self.excerpts)
        caught_up = await self._caught_up()
        purse = self.purse
        heard = Heard(_now(), caught_up, purse.balance, purse.count)
        self.perform(self.machine.heard(heard))
        if self.machine.open or self.machine.view is None or self._ticks % LOOK_TICKS == 0:
            await self._look()
        else:
            await self._act()

    async def _caught_up(self) -> bool:
        """Whether the own main chain stands where its network does, and this guard with it.

        Not while its signer has verified more: then the chain is an old copy's (K14).
        """
        try:
            status = await self.links.main.call("status")
            check_heights((await self.links.signer.call("seen"))[0], status["height"])
        except (Unavailable, RemoteError, NodeBehind) as error:
            log.info("not caught up", reason=str(error))
            return False
        here = status["height"] == self.machine.vault.height
        return self._reached and here and not status["syncing"]

    async def _act(self) -> None:
        """Acts go on only from a vault that is known as it stands."""
        if self._reached and self.machine.vault.known:
            self.perform(await self.acting.step(self.machine.vault))

    def metrics(self) -> dict[str, Any]:
        """Figures for `/metrics`."""
        return GuardFigures(
            height=self.machine.vault.height,
            seeing=int(self.machine.seeing),
            alarms=len(self.book.alarms),
            alarms_standing=len(self.book.standing),
            acts=len(self.acting.jobs),
            sponsor_balance=self.purse.balance,
        ).told()

    async def follow(self) -> AsyncIterator[AlarmRecord]:
        """Every alarm from now on."""
        at = self.book.count
        while True:
            for record in self.book.after(at):
                yield record
            at = self.book.count
            await self.told.wait()

    def perform(self, outputs: Sequence[Output]) -> None:
        """Each output in its order: what is said is on disk before what is done for it."""
        height, now = self.machine.vault.height, int(time.time())
        for output in outputs:
            match output:
                case Alarm():
                    record = self.book.raised(output, height, now)
                    failpoint("guard.after_alarm")
                    if record is not None:
                        self._tell(record)
                case Ended():
                    self.book.ended(output, height, now)
                    self._tell(self.book.alarms[-1])
                case Act():
                    self.acting.begin(output, self.machine.vault)

    def _tell(self, record: AlarmRecord) -> None:
        shown = shown_alarm(record)
        name = {"guard": self.setting.name}
        if record.standing or shown["facts"]:
            log.error("alarm", **name, **shown)
        else:
            log.warning("alarm over", **name, kind=shown["kind"])
        self.hook.tell(msgspec.json.encode({**name, **shown}))
        self.told.set()
        self.told = trio.Event()


def shown_alarm(record: AlarmRecord) -> dict[str, Any]:
    """An alarm for people: kind by name, facts as they were."""
    return {
        "kind": Kind(record.kind).name.lower(),
        "subject": record.subject.hex(),
        "standing": bool(record.standing),
        "height": record.height,
        "time": record.time,
        "facts": msgspec.json.decode(record.facts),
    }


def _excerpts(setting: Setting) -> Excerpts:
    return Excerpts(setting.main, setting.genesis.vault, single_key_root(setting.sponsor))


def _now() -> int:
    return time.time_ns() // 1_000_000
