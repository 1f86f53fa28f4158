"""What a member or guard followed of the main chain, written down now and then, read at its start.

Without it each start read the whole chain: every full block of it, once more. It is no authority:
a file that is damaged, another's or of a branch long gone costs one such reading, no more.
"""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar

import structlog

from bystack.node.store.kept import KeptFile
from bystack.primitives.errors import Invalid

T = TypeVar("T")

log = structlog.get_logger("federation")

EVERY_BLOCKS: Final = 1_000
EVERY_TICKS: Final = 600
"""Some minutes."""


class Following(Protocol[T]):
    """Who follows the main chain. `moved`: blocks that came or went since it was last kept."""

    moved: int

    @property
    def height(self) -> int:
        """How far it has come."""

    @property
    def kept(self) -> T:
        """All of it, for `resume`."""

    def resume(self, kept: T) -> None:
        """Go on where another was; raises `Invalid`."""


class Memory(Generic[T]):
    """The file of one follower: a wire type of at most `limit` bytes."""

    def __init__(self, path: str, kind: type[T], limit: int) -> None:
        self._file = KeptFile(path, kind, limit)
        self._ticks = 0

    def resume(self, trail: Following[T]) -> None:
        """Go on where the file says; a file that does not hold is passed over."""
        try:
            trail.resume(self._file.read())
        except FileNotFoundError:
            return
        except (OSError, Invalid) as error:
            log.warning("main chain is read from its start", reason=str(error))
            return
        log.info("main chain goes on", height=trail.height)

    async def tick(self, trail: Following[T]) -> None:
        """Write it down if much has moved, or something has for long."""
        self._ticks += 1
        long = trail.moved and self._ticks >= EVERY_TICKS
        if not long and trail.moved < EVERY_BLOCKS:
            return
        self._ticks, trail.moved = 0, 0
        try:
            await self._file.write(trail.kept)
        except (OSError, Invalid) as error:
            log.warning("main chain not kept", reason=str(error))
