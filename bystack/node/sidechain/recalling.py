"""What this node's relayer read of the main chain, kept in a file: a restart reads what is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
import trio

from bystack.node.store.kept import KeptFile
from bystack.primitives.errors import Invalid
from bystack.sidechain.holdings import Holdings
from bystack.sidechain.params import Genesis
from bystack.sidechain.relayed import MAX_RELAYED, ChainPlace, Relayed
from bystack.sidechain.relayer import Relayer

log = structlog.get_logger("relay")

EVERY_BLOCKS: Final = 1_000
EVERY_SECONDS: Final = 600.0


class RelayedForeign(Invalid):
    """What was kept is of another sidechain, or of one that stood higher than this store."""


class Recalling:
    """The file of one relayer. Without a path nothing is kept."""

    def __init__(self, path: str, genesis: Genesis) -> None:
        self._chain = genesis.id
        self._file = KeptFile(path, Relayed, MAX_RELAYED) if path else None
        self._moved, self._written = 0, 0.0

    def resume(self, relayer: Relayer, holdings: Holdings, final: int) -> list[tuple[int, bytes]]:
        """Go on where the file says, for a store at height `final`; the last blocks read.

        A file that does not hold is passed over.
        """
        try:
            kept = self._read(final)
        except (OSError, Invalid) as error:
            log.warning("main chain is read from the checkpoint", reason=str(error))
            return []
        if kept is None:
            return []
        relayer.resume(kept.found)
        holdings.resume(kept.held, kept.height)
        log.info("main chain goes on", height=kept.height)
        return [(one.height, one.id) for one in kept.known]

    def _read(self, final: int) -> Relayed | None:
        if self._file is None:
            return None
        try:
            kept = self._file.read()
        except FileNotFoundError:
            return None
        if kept.chain != self._chain or kept.final > final:
            raise RelayedForeign(kept=kept.chain, final=kept.final, stands=final)
        return kept

    def moved(self) -> None:
        """A main-chain block came or went."""
        self._moved += 1

    async def keep(
        self, relayer: Relayer, holdings: Holdings, known: Sequence[tuple[int, bytes]], final: int
    ) -> None:
        """Write it down if much has moved, or something has for long."""
        now = trio.current_time()
        due = self._moved and now - self._written >= EVERY_SECONDS
        if self._file is None or not (due or self._moved >= EVERY_BLOCKS):
            return
        self._moved, self._written = 0, now
        places = tuple(ChainPlace(height, id) for height, id in known)
        kept = Relayed(
            self._chain, final, places, relayer.kept, holdings.height, holdings.kept
        )  # fmt: skip
        try:
            await self._file.write(kept)
        except (OSError, Invalid) as error:
            log.warning("main chain not kept", reason=str(error))
