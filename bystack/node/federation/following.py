"""The tasks that fill the inbox: two chain followers and a clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog
import trio

from bystack.federation.purse import KEPT_BLOCKS
from bystack.mainchain.blocks import decode_block
from bystack.node.federation.events import (
    Event,
    MainConnected,
    MainDisconnected,
    MainRestarted,
    SideFinal,
    Tick,
)
from bystack.node.federation.links import Links
from bystack.node.ipc import RemoteError, Unavailable
from bystack.sidechain.relayed import ChainPlace

log = structlog.get_logger("federation")

TICK_SECONDS = 0.5
SETTLE_SECONDS = 0.1
"""How long a final block waits here: on the same machine validators may not be through with it."""

Inbox = trio.MemorySendChannel[Event]
MainInbox = trio.MemorySendChannel[MainConnected | MainDisconnected | MainRestarted]


class _Lost(Exception):
    """The chain left below the blocks that are remembered, or is told from its start."""


async def _unsaid() -> None:
    """The tip was reached, and nobody asked to be told."""


async def follow_main(
    links: Links,
    inbox: MainInbox,
    known: Sequence[ChainPlace] = (),
    at_tip: Callable[[], Awaitable[None]] = _unsaid,
) -> None:
    """Every block of the main chain after those known; resumes where the line broke.

    A branch that left below what is remembered is followed from the chain's start, which is said.
    `at_tip` is called whenever every block up to the node's tip was handed over.
    """
    feed = _MainFeed(inbox, known, at_tip)
    while True:
        await links.main.wait_connected()
        try:
            async with links.main.stream("blocks", feed.locator) as items:
                async for item in items:
                    await feed.take(item)
        except _Lost:
            log.warning("main chain is read from its start", reason="reorganised too deep")
            await feed.restart()
        except (Unavailable, RemoteError) as error:
            log.info("main chain line broke", error=str(error))
            await trio.sleep(TICK_SECONDS)


class _MainFeed:
    """What was sent to the inbox: each block is the child of the last, or all begins anew."""

    def __init__(
        self, inbox: MainInbox, known: Sequence[ChainPlace], at_tip: Callable[[], Awaitable[None]]
    ) -> None:
        self._inbox, self._at_tip = inbox, at_tip
        self._known = deque(((one.height, one.id) for one in known), maxlen=KEPT_BLOCKS)
        self._begun = bool(known)

    @property
    def locator(self) -> list[list[object]]:
        """The last blocks, newest first."""
        return [[height, id] for height, id in reversed(self._known)]

    async def restart(self) -> None:
        """Nothing is known any more, and whoever listens forgets it too."""
        self._known.clear()
        self._begun = False
        await self._inbox.send(MainRestarted())

    async def take(self, item: list[object]) -> None:
        """One item of the stream; raises `_Lost`."""
        match item:
            case ["connect", int() as height, bytes() as id, bytes() as data]:
                self._check(height)
                self._known.append((height, id))
                self._begun = True
                await self._inbox.send(MainConnected(height, id, decode_block(data)))
            case ["disconnect", int() as height, bytes() as id]:
                if not self._known or self._known[-1] != (height, id):
                    raise _Lost
                self._known.pop()
                await self._inbox.send(MainDisconnected(height, id))
            case ["tip", *_]:
                await self._at_tip()
            case _:
                return

    def _check(self, height: int) -> None:
        """Only the very first block follows none that is known."""
        expected = self._known[-1][0] + 1 if self._known else height
        if height != expected or (self._begun and not self._known):
            raise _Lost


async def follow_side(links: Links, inbox: Inbox) -> None:
    """Every final block of the sidechain from here on, once there is one."""
    while True:
        await links.side.wait_connected()
        try:
            status = await links.side.call("status")
            start = max(1, status.get("first", 1), status["height"] - 16)
            looked = trio.current_time()
            async for item in links.side.stream("blocks", start):
                if trio.current_time() - looked > SETTLE_SECONDS:  # else there are more to look at
                    await trio.sleep(SETTLE_SECONDS)
                _, height, header, certificate, *_ = item
                await inbox.send(SideFinal(height, header, certificate))
                looked = trio.current_time()
        except (Unavailable, RemoteError) as error:
            log.info("sidechain line broke", error=str(error))
            await trio.sleep(TICK_SECONDS)


async def tick(inbox: Inbox) -> None:
    """The clock."""
    while True:
        await trio.sleep(TICK_SECONDS)
        await inbox.send(Tick())
