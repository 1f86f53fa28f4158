"""What fills a guard's inbox: the main chain's blocks, the sidechain's tips, a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
import trio

from bystack.node.federation import following
from bystack.node.federation.events import (
    Ask,
    MainConnected,
    MainDisconnected,
    MainRestarted,
    Tick,
)
from bystack.node.guard.links import GuardLinks
from bystack.node.ipc import RemoteError, Unavailable
from bystack.sidechain.relayed import ChainPlace

log = structlog.get_logger("guard")

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


async def follow_main(links: GuardLinks, inbox: Inbox, known: Sequence[ChainPlace]) -> None:
    """Every block after those known (at least one below the vault), without end.

    As a member follows it; and it is said when the node's tip is reached.
    """

    async def at_tip() -> None:
        await inbox.send(MainReached())

    await following.follow_main(links, inbox, known, at_tip)


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
