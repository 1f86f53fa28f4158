"""This member's statements about the reserves: one in each interval of relayed main-chain blocks.

The sidechain's process of this node drafts it from its own full data, the signer checks and signs,
and it goes to the sidechain as the member's action.
"""

from __future__ import annotations

from typing import Final

import structlog
import trio

from bystack.federation.module.records import RULES, STANDING, Rules, Standing, entry_key
from bystack.federation.statements import (
    MAX_STATEMENT,
    STATED,
    Statement,
    interval_of,
)
from bystack.node.federation.governing import Governing
from bystack.node.federation.links import Links
from bystack.node.ipc import RemoteError, Unavailable
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid

log = structlog.get_logger("federation")

TICK_SECONDS: Final = 2.0
PATIENCE: Final = 15
"""Ticks before a statement that was sent and is in no block is made anew."""


class Stating:
    """Looks, on each tick, whether this member owes a statement; `identity`: the member's."""

    def __init__(self, links: Links, governing: Governing, identity: bytes) -> None:
        self._links, self._governing, self._identity = links, governing, identity
        self._wait = 0

    async def run(self) -> None:
        """Tick until cancelled; what is not ready is tried again."""
        while True:
            await trio.sleep(TICK_SECONDS)
            try:
                await self.tick()
            except (Unavailable, RemoteError, Invalid) as error:
                log.debug("nothing stated", reason=str(error))

    async def tick(self) -> None:
        """State, if this interval has no statement of ours. Raises what the lines raise."""
        self._wait = max(0, self._wait - 1)
        if not self._wait and await self._owed():
            self._wait = PATIENCE
            await self._state()

    async def _owed(self) -> bool:
        """Whether this member sits, and has not stated since the interval began."""
        standing = await self._links.state(Standing, entry_key(STANDING))
        seat = None if standing is None else standing.position(self._identity)
        if standing is None or seat is None:
            return False
        rules = await self._links.state(Rules, entry_key(RULES))
        key = entry_key(STATED, standing.seats[seat].governance)
        last = await self._links.state(Statement, key)
        relayed = int((await self._links.side.call("status"))["relay_height"])
        now = interval_of(relayed, rules.statement)
        return last is None or interval_of(last.relay_height, rules.statement) < now

    async def _state(self) -> None:
        drafted = await self._links.side.call("rpc", "draftstatement", [])
        pair = [bytes.fromhex(drafted[name]) for name in ("statement", "proofs")]
        data, signature = await self._links.signer.call("state", *pair)
        statement = decode(Statement, data, MAX_STATEMENT)
        sent = await self._governing.state(statement, signature)
        law = "holds" if statement.holds else "FAILS"
        log.info("reserves stated", height=statement.height, law=law, transaction=sent)
