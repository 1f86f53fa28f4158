"""What fills a guard's inbox: the main chain's blocks, the sidechain's tips, a clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import structlog
import trio

from bystack.mainchain.blocks import decode_block
from bystack.node.federation.events import (
    Ask,
    MainConnected,
    MainDisconnected,
    MainRestarted,
    Tick,
)
from bystack.node.guard.links import GuardLinks
from bystack.node.ipc import RemoteError, Unavailable

log = structlog.get_logger("guard")

REMEMBERED = 200
TICK_SECONDS = 0.5


@dataclass(frozen=True)
class MainReached:
    """Every block up to the own node's tip was handed over."""


@dataclass(frozen=True)
class SideMoved:
    """The sidechain has a final block of this height."""

    height: int


Event = MainConnected | MainDisconnected | MainRestarted | MainReached | SideMoved | Tick | Ask
Inbox = trio.MemorySendChannel[Event]


async def follow_main(links: GuardLinks, inbox: Inbox, start: tuple[int, bytes]) -> None:
    """Every block after `start` (a height and id below the vault), without end."""
    known: deque[tuple[int, bytes]] = deque([start], maxlen=REMEMBERED)
    while True:
        await links.main.wait_connected()
        try:
            locator = [[height, id] for height, id in reversed(known)]
            async for item in links.main.stream("blocks", locator):
                await _take(item, known, inbox)
        except (Unavailable, RemoteError) as error:
            log.info("main chain line broke", error=str(error))
            await trio.sleep(TICK_SECONDS)


async def _take(item: list[object], known: deque[tuple[int, bytes]], inbox: Inbox) -> None:
    match item:
        case ["connect", int() as height, bytes() as id, bytes() as data]:
            if known and height <= known[-1][0]:
                known.clear()
                await inbox.send(MainRestarted())
            known.append((height, id))
            await inbox.send(MainConnected(height, id, decode_block(data)))
        case ["disconnect", int() as height, bytes() as id]:
            while known and known[-1][0] >= height:
                known.pop()
            await inbox.send(MainDisconnected(height, id))
        case ["tip", *_]:
            await inbox.send(MainReached())
        case _:
            return


async def follow_side(links: GuardLinks, inbox: Inbox) -> None:
    """Every final block of the sidechain from now on, as it becomes final."""
    while True:
        await links.side.wait_connected()
        try:
            async for item in links.side.stream("tips"):
                await inbox.send(SideMoved(int(item[0])))
        except (Unavailable, RemoteError) as error:
            log.info("sidechain line broke", error=str(error))
            await trio.sleep(TICK_SECONDS)


async def tick(inbox: Inbox) -> None:
    """The clock."""
    while True:
        await trio.sleep(TICK_SECONDS)
        await inbox.send(Tick())
