"""The tasks that fill the inbox: two chain followers and a clock."""

from __future__ import annotations

from collections import deque

import structlog
import trio

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

log = structlog.get_logger("federation")

REMEMBERED = 200
TICK_SECONDS = 0.5

Inbox = trio.MemorySendChannel[Event]


async def follow_main(links: Links, inbox: Inbox) -> None:
    """Every block of the main chain, from the start; resumes where the line broke."""
    known: deque[tuple[int, bytes]] = deque(maxlen=REMEMBERED)
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
        case _:
            return


async def follow_side(links: Links, inbox: Inbox) -> None:
    """Every final block of the sidechain from here on, once there is one."""
    while True:
        await links.side.wait_connected()
        try:
            status = await links.side.call("status")
            start = max(1, status.get("first", 1), status["height"] - 16)
            async for item in links.side.stream("blocks", start):
                _, height, header, certificate, *_ = item
                await inbox.send(SideFinal(height, header, certificate))
        except (Unavailable, RemoteError) as error:
            log.info("sidechain line broke", error=str(error))
            await trio.sleep(TICK_SECONDS)


async def tick(inbox: Inbox) -> None:
    """The clock."""
    while True:
        await trio.sleep(TICK_SECONDS)
        await inbox.send(Tick())
