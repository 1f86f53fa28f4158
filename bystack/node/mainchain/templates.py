"""What miners work on: the best contents of the next block, kept until something better is there.

Contents are filled anew when the tip moved, or when the pool changed and the last filling is a few
seconds old, so that many who ask cost one filling. A block handed out is remembered by its work
id, and its miner hands back the header alone.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

import trio

from bystack.ledger.transactions import PolicyLock
from bystack.mainchain.blocks import NONCE_SIZE, Block, Header
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.mining import Contents, built, contents
from bystack.primitives.codec import encode
from bystack.primitives.hashes import sha256

FILL_SECONDS: Final = 2.0
IN_SYNC_SECONDS: Final = 24 * 3600
PATIENCE_SECONDS: Final = 600.0
KEPT: Final = 32
WORK_ID_SIZE: Final = 8


def work_id(header: Header) -> str:
    """What names the work on a header: 16 hex digits of a hash of all but the nonce."""
    return sha256(encode(header)[:-NONCE_SIZE])[:WORK_ID_SIZE].hex()


class Templates:
    """The next block of one chain. Start `follow` in a nursery."""

    def __init__(
        self, driver: Driver, *, pause: float = FILL_SECONDS, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._driver = driver
        self._pause, self._patience = pause, patience
        self._seen, self._seen_at = b"", 0.0
        self._filled: Contents | None = None
        self._filled_at = 0.0
        self._changed = False
        self._handed: OrderedDict[str, Block] = OrderedDict()
        self._filling = trio.Lock()

    async def follow(self) -> None:
        """Note every change of the pool until cancelled."""
        while True:
            self._changed = True
            async for _ in self._driver.pool.listen():
                self._changed = True

    @property
    def behind(self) -> bool:
        """Whether better blocks are on their way and our tip is old: work on it is in vain.

        An old tip alone is no reason, for somebody has to go on; nor are headers for ever whose
        blocks nobody gives: when the tip has not moved for minutes, we go on from it.
        """
        tip, now = self._driver.machine.tip, trio.current_time()
        if tip.id != self._seen:
            self._seen, self._seen_at = tip.id, now
        old = tip.header.time < time.time() - IN_SYNC_SECONDS
        return old and self._driver.syncing and now < self._seen_at + self._patience

    @property
    def last(self) -> Contents | None:
        """What was filled last, however old."""
        return self._filled

    async def contents(self) -> Contents:
        """The best contents after the tip, as of a few seconds ago at most."""
        async with self._filling:  # of those who ask at one time the first fills for all
            if self._filled is None or self._stale(self._filled):
                # Who comes back after a reorganisation is not told of as an arrival.
                self._changed = not self._driver.pool.settled
                self._filled_at = trio.current_time()
                self._filled = await contents(self._driver)
            return self._filled

    def _stale(self, filled: Contents) -> bool:
        if filled.parent.id != self._driver.machine.tip.id:
            return True
        return self._changed and trio.current_time() >= self._filled_at + self._pause

    async def block(self, lock: PolicyLock, extra: bytes = b"") -> tuple[Block, Contents]:
        """A block to be mined, remembered by its work id, and its contents."""
        holds, params = await self.contents(), self._driver.store.params
        block = await trio.to_thread.run_sync(built, holds, lock, params, extra)
        self._handed[work_id(block.header)] = block
        if len(self._handed) > KEPT:
            self._handed.popitem(last=False)
        return block, holds

    def handed(self, work: str) -> Block | None:
        """The block handed out under a work id; the last 32 are kept."""
        return self._handed.get(work)

    async def better(self, tip: bytes, fees: int, seconds: float) -> None:
        """Return when the tip is another, fees in the next block are higher, or time has passed."""
        with trio.move_on_after(seconds):
            while self._driver.machine.tip.id == tip:
                with trio.move_on_after(self._pause):
                    await self._driver.changed.wait()
                    continue
                if (await self.contents()).fees > fees:
                    return
