"""Showing the signer what the federation decreed: entries of the sidechain's state, with proofs.

The signer says which it wants and under which height it saw each last; it verifies them itself, and
signs nothing while it lacks one. They are shown anew as the sidechain goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import structlog
import trio

from bystack.node.federation.epochs import EpochFeeding
from bystack.node.federation.links import Links
from bystack.node.ipc import RemoteError, Unavailable
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.proofs import MAX_STATE_PROOF, StateProof

log = structlog.get_logger("federation")

TICK_SECONDS: Final = 1.0
AGAIN_AFTER: Final = 4
"""Blocks after which an entry is shown anew: well before the signer finds it old."""
MAX_PROOF: Final = MAX_STATE_PROOF + 1_000_000


class Showing:
    """What the signer still wants to see, or to see anew."""

    def __init__(self, links: Links) -> None:
        self._links, self._epochs = links, EpochFeeding(links)

    async def run(self) -> None:
        """Show until cancelled; what is refused, or a line that is down, is tried again."""
        while True:
            await trio.sleep(TICK_SECONDS)
            try:
                await self.step()
            except (Unavailable, RemoteError, Invalid) as error:
                self._epochs.restart()
                log.debug("signer not shown the state", reason=str(error))

    async def step(self) -> None:
        """Show every entry that the signer lacks or knows too old. Raises what the lines raise."""
        await self._show_older(None)

    async def before(self, height: int) -> None:
        """Show what the signer has not seen as of a block, before it is asked to sign by it.

        So a pause or a freeze that the chain has binds the very next order. What cannot be shown
        now is left to the signer to miss.
        """
        try:
            await self._show_older(height)
        except (RemoteError, Invalid) as error:
            log.info("signer not shown the state", reason=str(error))

    async def _show_older(self, than: int | None) -> None:
        _, wanted = await self._links.signer.call("wanted")
        if not wanted:
            return
        tip = int((await self._links.side.call("status"))["height"])
        least = tip - AGAIN_AFTER + 1 if than is None else than
        old = [key for key, height in wanted if height < 0 or height < min(least, tip)]
        if tip and old:
            await self._show(old)

    async def show(self, keys: Iterable[bytes]) -> None:
        """Show these entries as of now, for something that depends on them, and what is decreed
        with them. Raises likewise.
        """
        _, wanted = await self._links.signer.call("wanted")
        await self._show(dict.fromkeys((*keys, *(key for key, _ in wanted))))

    async def _show(self, keys: Iterable[bytes]) -> None:
        """In their order, what could be proved before anything else is raised.

        All proofs are asked for at once: where finality is a matter of depth each waits for blocks
        on top, and one after another they would wait for as many rests of an idle chain.
        """
        proofs: dict[bytes, Any] = dict.fromkeys(keys)
        async with trio.open_nursery() as nursery:
            for key in proofs:
                nursery.start_soon(self._prove, key, proofs)
        for data in (one for one in proofs.values() if not isinstance(one, Exception)):
            await self._epochs.reach(decode(StateProof, data, MAX_PROOF).header.epoch)
            await self._links.signer.call("entry", data)
        for refused in (one for one in proofs.values() if isinstance(one, Exception)):
            raise refused

    async def _prove(self, key: bytes, proofs: dict[bytes, Any]) -> None:
        """The proof of an entry, or why there is none."""
        try:
            proofs[key] = await self._links.side.call("proved_entry", key)
        except (Unavailable, RemoteError, Invalid) as error:
            proofs[key] = error
