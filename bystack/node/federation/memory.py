"""What a member followed of the main chain, written down now and then and read at its start.

Without it each start read the whole chain: every full block of it, once more. It is no authority:
a file that is damaged, another's or of a branch long gone costs one such reading, no more.
"""

from __future__ import annotations

import os
from typing import Final

import structlog
import trio

from bystack.federation.trail import MAX_FOLLOWED, Followed, Trail
from bystack.node.store.files import replace
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import sha256

log = structlog.get_logger("federation")

EVERY_BLOCKS: Final = 1_000
EVERY_TICKS: Final = 600
"""Some minutes."""
SUM: Final = 32


class FollowedDamaged(Invalid):
    """The file does not hold what was written."""


class Memory:
    """The file of one member."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._ticks = 0

    def resume(self, trail: Trail) -> None:
        """Go on where the file says; a file that does not hold is passed over."""
        try:
            trail.resume(self._read())
        except FileNotFoundError:
            return
        except (OSError, Invalid) as error:
            log.warning("main chain is read from its start", reason=str(error))
            return
        log.info("main chain goes on", height=trail.purse.height)

    def _read(self) -> Followed:
        size = os.path.getsize(self._path)
        if size > SUM + MAX_FOLLOWED:
            raise FollowedDamaged(bytes=size, most=SUM + MAX_FOLLOWED)
        with open(self._path, "rb") as file:
            data = file.read(SUM + MAX_FOLLOWED)
        if sha256(data[SUM:]) != data[:SUM]:
            raise FollowedDamaged(bytes=len(data))
        return decode(Followed, data[SUM:], MAX_FOLLOWED)

    async def tick(self, trail: Trail) -> None:
        """Write it down if much has moved, or something has for long."""
        self._ticks += 1
        long = trail.moved and self._ticks >= EVERY_TICKS
        if not long and trail.moved < EVERY_BLOCKS:
            return
        self._ticks, trail.moved = 0, 0
        data = encode(trail.kept)
        if len(data) > MAX_FOLLOWED:
            log.warning("too much to be kept of the main chain", bytes=len(data), most=MAX_FOLLOWED)
            return
        try:
            await trio.to_thread.run_sync(self._write, sha256(data) + data)
        except OSError as error:
            log.warning("main chain not kept", reason=str(error))

    def _write(self, data: bytes) -> None:
        replace(self._path, data, durable=False)
