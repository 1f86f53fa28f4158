"""This member's doubt: does its own full node hold the sidechain's relayed headers for valid?

The relay judges headers alone. A member knows more, its own main chain: it pauses the pegs, once,
and says why, when a relayed header is one of an invalid block, or when the relayed chain stays off
the own best chain by more than K blocks, which no relay action can repair once it left the window
(federation.md, 2.2 and 2.4).
"""

from __future__ import annotations

from typing import Final, Protocol

import structlog
import trio

from bystack.federation.module.application import FederationModule
from bystack.federation.module.pauses import PAUSED, Paused
from bystack.federation.module.records import PAUSE_REST, RULES, Rules, entry_key
from bystack.node.federation.links import Links
from bystack.node.ipc import RemoteError, Unavailable
from bystack.primitives.errors import Invalid
from bystack.sidechain.relay import height_key

log = structlog.get_logger("federation")

TICK_SECONDS: Final = 2.0
PATIENCE: Final = 60
"""Ticks that the relay may stay off the own chain: a proposer's next block mends the usual case."""


class Pausing(Protocol):
    """Who sends this member's pause."""

    async def pause(self, what: str, reason: str = "") -> str:
        """Pause and give the transaction's id."""
        ...


class Doubting:
    """Compares, on each tick, the relay's chain with the own one; `depth` is K."""

    def __init__(self, links: Links, actions: Pausing, identity: bytes, depth: int) -> None:
        self._links, self._actions = links, actions
        self._identity, self._depth = identity, depth
        self._off = 0
        self._wait = 0

    async def run(self) -> None:
        """Tick until cancelled; lines that are down are asked again."""
        while True:
            await trio.sleep(TICK_SECONDS)
            try:
                await self.tick()
            except (Unavailable, RemoteError, Invalid) as error:
                log.debug("relay not compared", reason=str(error))

    async def tick(self) -> None:
        """Look, and pause if there is a lasting reason. Raises what the lines raise."""
        side = await self._links.side.call("status")
        height, tip = int(side["relay_height"]), bytes(side["relay_tip"])
        reason = await self._reason(height, tip)
        self._wait = max(0, self._wait - 1)
        due = reason and not self._wait and not await self._paused(height)
        if due and await self._rested(height):
            await self._pause(reason)

    async def _reason(self, height: int, tip: bytes) -> str:
        """Why the pegs must pause now; empty if they need not."""
        if await self._verdict(tip) == "best":
            self._off = 0
            return ""
        invalid = await self._invalid(height)
        if invalid is not None:
            return f"relayed header {invalid.hex()} is of an invalid block"
        self._off = self._off + 1 if await self._apart(height) else 0
        if self._off <= PATIENCE:
            return ""
        return f"relayed tip {tip.hex()} at {height} is off this node's best chain by more than K"

    async def _invalid(self, height: int) -> bytes | None:
        """The newest relayed header that the own node knows, if it knows it as invalid."""
        for at in range(height, height - self._depth - 1, -1):
            id = await self._relayed(at)
            verdict = "best" if id is None else await self._verdict(id)
            if verdict != "unknown":  # what descends from an invalid block is not kept at all
                return id if verdict == "invalid" else None
        return None

    async def _apart(self, height: int) -> bool:
        """Whether the chains part more than K below the relayed tip; not if ours only lacks it."""
        own = int((await self._links.main.call("status"))["height"])
        id = await self._relayed(min(own, height - self._depth))
        return id is not None and await self._verdict(id) != "best"

    async def _relayed(self, height: int) -> bytes | None:
        if height < 0:
            return None
        id: bytes | None = await self._links.side.call("state", height_key(height))
        return id

    async def _verdict(self, id: bytes) -> str:
        return str(await self._links.main.call("verdict", id))

    async def _paused(self, height: int) -> bool:
        until = await self._links.side.call("module", FederationModule.name, "getpauses", [])
        return all(int(end) > height for end in until.values())

    async def _pause(self, reason: str) -> None:
        """What was refused is tried again later, and what the chain never took: another action may
        have used the nonce first."""
        self._wait = PATIENCE
        log.error("pausing the pegs", reason=reason)
        try:
            await self._actions.pause("all", reason)
        except (RemoteError, Invalid) as error:
            log.warning("pause refused", reason=str(error))

    async def _rested(self, height: int) -> bool:
        """A member pauses once in the `rest` of the rules in force; the chain says since when."""
        last: Paused | None = await self._links.state(Paused, entry_key(PAUSED, self._identity))
        rules: Rules | None = await self._links.state(Rules, entry_key(RULES))
        rest = PAUSE_REST if rules is None else rules.rest
        return last is None or height >= last.since + rest
