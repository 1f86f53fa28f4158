"""The main chain's pool between two runs: read at the start, written now and then and at the end.

Whatever is read is judged again, in small lots between which the chain goes on. While some of it is
not judged yet, it is written back as it was, so that two quick restarts lose nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import structlog
import trio

from bystack.ledger.candidates import RATE
from bystack.ledger.estimates import FeeRecord
from bystack.ledger.transactions import Transaction
from bystack.mainchain.params import chain_id
from bystack.node.config.tables import MempoolLimits
from bystack.node.mainchain.admission import PoolSettings
from bystack.node.mainchain.driver import Driver
from bystack.node.pool import poolfile
from bystack.node.pool.poolfile import Waited
from bystack.primitives.errors import Invalid

SAVE_SECONDS: Final = 600.0
LOT: Final = 200
BYTES_PER_WEIGHT: Final = 16
"""Memory that a waiting transaction takes at most, about, for each unit of its weight: 9 for a
small payment, 16 in a line of 25."""
MIB: Final = 2**20

T = TypeVar("T")

log = structlog.get_logger("pool")


def settings_of(limits: MempoolLimits) -> PoolSettings:
    """What the configuration says, in the pool's measures."""
    most = limits.max_mb * MIB // BYTES_PER_WEIGHT
    return PoolSettings(most, limits.min_fee * RATE // 1_000, limits.expiry_hours * 3600)


class PoolKeeper:
    """Keeps one driver's pool and fee estimates in two files of a folder, or in none."""

    def __init__(self, driver: Driver, folder: str, *, persist: bool = True) -> None:
        self.loaded = not persist
        self._driver, self._persist = driver, persist
        self._chain = chain_id(driver.store.params)
        self._pool, self._fees = f"{folder}/mempool.dat", f"{folder}/fees.dat"
        self._unread: list[Waited] | None = None

    @staticmethod
    def memory(weight: int) -> int:
        """The bytes of memory that waiting transactions of this weight take, about."""
        return weight * BYTES_PER_WEIGHT

    async def run(self) -> None:
        """Load, then save now and then, until cancelled."""
        if not self._persist:
            return
        await self.load()
        while True:
            await trio.sleep(SAVE_SECONDS)
            await self.save()

    async def load(self) -> None:
        """Bring back what waited and what was learnt, as far as it still stands."""
        record = await self._read(self._fees, poolfile.read_fees)
        if record is not None:
            self._driver.fees.restore(record)
        unread = await self._read(self._pool, poolfile.read_pool) or []
        self._unread, found = unread, len(unread)
        while unread:
            lot = unread[:LOT]
            await self._driver.restore([one.tx for one in lot], [one.since for one in lot])
            del unread[:LOT]
        self.loaded = True
        log.info("pool loaded", found=found, waiting=len(self._driver.pool.machine))

    async def save(self) -> str:
        """Write both files beside the chain's task; the pool's file."""
        state = self._waiting(), self._driver.fees.record()
        await trio.to_thread.run_sync(self._write, *state)
        return self._pool

    def save_now(self) -> None:
        """Write both files at the end of a run, unless it ended before they were read."""
        if self._unread is not None:
            self._write(self._waiting(), self._driver.fees.record())

    def _waiting(self) -> list[tuple[Transaction, int]]:
        return [*self._driver.pool.waited(), *(self._unread or ())]

    def _write(self, waiting: list[tuple[Transaction, int]], learnt: FeeRecord) -> None:
        poolfile.write_pool(self._pool, self._chain, waiting)
        poolfile.write_fees(self._fees, self._chain, learnt)

    async def _read(self, path: str, read: Callable[[str, bytes], T]) -> T | None:
        """What a file holds; one that is damaged is named and set aside."""
        try:
            return await trio.to_thread.run_sync(read, path, self._chain)
        except Invalid as error:
            aside = poolfile.set_aside(path)
            log.warning("file set aside", file=path, now=aside, reason=str(error))
            return None
