"""The built-in miner: worker processes on one header, renewed with the tip and with better fees.

A worker that ends or hangs is replaced, after a pause that grows while replacing does not help. The
number of workers can change while it runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
import trio

from bystack.ledger.transactions import PolicyLock
from bystack.mainchain.assembly import with_nonce
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.signals import Signal
from bystack.node.mainchain.templates import Templates
from bystack.node.mainchain.workers import Job, Worker, WorkerEnded, worker
from bystack.primitives.errors import Invalid

RENEW_SECONDS: Final = 30.0
"""How old a header's time may become."""

PACE_SECONDS: Final = 1.0
"""Between two blocks where the target never moves and the first nonces fit."""

FIRST_PAUSE: Final = 0.5
LAST_PAUSE: Final = 60.0

log = structlog.get_logger("mining")


@dataclass
class Work:
    """A block to be mined and the nonces not tried yet."""

    block: Block
    parent: Entry
    start: int = 0

    def job(self, tries: int, engine: str) -> Job:
        """The next so many nonces."""
        first, self.start = self.start, self.start + tries
        return Job(self.block.header, first, tries, self.parent.seed, engine)


@dataclass
class Seat:
    """One worker's place: the process in it now, or none, and how many there were before."""

    worker: Worker | None = None
    restarts: int = 0

    @property
    def rate(self) -> float:
        """Digests a second."""
        return 0.0 if self.worker is None else self.worker.rate


class Miner:
    """Mines with as many processes as it is told; `reward` says where the coins go."""

    def __init__(
        self, driver: Driver, templates: Templates, reward: Callable[[], Awaitable[PolicyLock]]
    ) -> None:
        self._driver, self._templates, self._reward = driver, templates, reward
        self._wanted = 0
        self._session = trio.CancelScope()
        self._turned = Signal()
        self._renewed = Signal()
        self.work: Work | None = None
        """What is searched now."""
        self.seats: list[Seat] = []
        self.found = 0
        """Blocks found and accepted since the start."""
        self.trouble = ""
        """What went wrong last, for the operator; empty once a block was found."""

    @property
    def threads(self) -> int:
        """How many processes it is to keep."""
        return self._wanted

    @property
    def rate(self) -> float:
        """Digests a second of all workers."""
        return sum(seat.rate for seat in self.seats)

    def turn(self, threads: int) -> None:
        """From now on mine with so many processes; 0 mines no more."""
        if threads != self._wanted:
            self._wanted, self.seats = threads, []
            self._session.cancel()
            self._turned.notify()

    async def run(self) -> None:
        """Do as told until cancelled."""
        while True:
            if not self._wanted:
                await self._turned.wait()
                continue
            with trio.CancelScope() as self._session:
                await self._mine(self._wanted)
            self.seats, self.work = [], None

    async def _mine(self, threads: int) -> None:
        try:
            lock = await self._reward()
        except RemoteError as error:
            self.trouble, self._wanted = f"no address for the reward: {error}", 0
            log.error("mining stopped", reason=str(error))
            return
        self.seats = [Seat() for _ in range(threads)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._renew, lock)
            for seat in self.seats:
                nursery.start_soon(self._keep, seat)

    async def _renew(self, lock: PolicyLock) -> None:
        """Give out new work as soon as the old is not the best any more."""
        while True:
            found = self.found
            while self._templates.behind:
                with trio.move_on_after(RENEW_SECONDS):
                    await self._driver.changed.wait()
            block, holds = await self._templates.block(lock)
            self.work = Work(block, holds.parent)
            self._renewed.notify()
            await self._templates.better(holds.parent.id, holds.fees, RENEW_SECONDS)
            if self.found != found and not self._driver.store.params.retarget:
                await trio.sleep(PACE_SECONDS)

    async def _keep(self, seat: Seat) -> None:
        """Have a process in the seat, one after another."""
        pause = FIRST_PAUSE
        while True:
            begun = trio.current_time()
            try:
                async with worker() as seat.worker:
                    await self._search(seat.worker)
            except (WorkerEnded, OSError) as error:
                self.trouble = f"a nonce searcher ended: {error}"
                log.warning("a nonce searcher ended; starting another", reason=str(error))
            seat.worker, seat.restarts = None, seat.restarts + 1
            helped = trio.current_time() - begun > LAST_PAUSE
            pause = FIRST_PAUSE if helped else min(2 * pause, LAST_PAUSE)
            await trio.sleep(pause)

    async def _search(self, one: Worker) -> None:
        """Job after job; what was found goes to the chain."""
        engine = self._driver.store.params.work
        while True:
            work = self.work
            if work is None:
                await self._renewed.wait()
                continue
            nonce = await one.search(work.job(one.tries, engine))
            if nonce is not None and self.work is work:
                self.work = None  # the others need not find a second block of these contents
                await self._hand_in(with_nonce(work.block, nonce))

    async def _hand_in(self, block: Block) -> None:
        try:
            await self._driver.hand_in(block)
        except Invalid as error:
            self.trouble = f"own block refused: {error}"
            log.error("own block refused", id=block.id.hex(), reason=str(error))
        else:
            self.found, self.trouble = self.found + 1, ""
            log.info("found a block", height=block.header.height, id=block.id.hex())
