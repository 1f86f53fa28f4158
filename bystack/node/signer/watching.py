"""What a signer verified of the main chain, on disk: after a restart it goes on from there.

To verify every header's work again would take as long as the chain is old. Nothing in the file is
verified again, so it carries a code that only this signer's own key makes; one that is damaged,
of another key or another sidechain counts for nothing, and the member feeds the signer anew. An
older copy of it harms nothing either: it lags, and what it lacks is fed again.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Final

import structlog

from bystack.federation.watch import Watch, Watched
from bystack.node.store import files
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged

MAX_FILE: Final = 256_000_000
CODE: Final = 32
EVERY: Final = 64
"""Headers and anchor spends after which the file is written anew."""

_key_of = tagged("signer/watch")

log = structlog.get_logger("signer")


def watch_path(folder: str, name: str) -> str:
    """Where a signer keeps what it verified of the main chain for a federation."""
    return f"{folder}/watch-{name}.bin"


class WatchFile:
    """The file of one federation. `secret`: the key that authenticates it."""

    def __init__(self, path: str, secret: bytes) -> None:
        self._path, self._key = path, _key_of(secret)
        self._kept = 0

    def resume(self, watch: Watch) -> None:
        """Have a new watch go on where the file is; without a good one it stays as it is."""
        try:
            if os.path.exists(self._path):
                watch.resume(self._read())
        except (Invalid, OSError) as error:
            log.warning("what was verified is not taken up", path=self._path, reason=str(error))
        self._kept = progress(watch)

    def _read(self) -> Watched:
        if os.path.getsize(self._path) > MAX_FILE:
            raise WatchDamaged(size=os.path.getsize(self._path), most=MAX_FILE)
        data = Path(self._path).read_bytes()
        code, body = data[:CODE], data[CODE:]
        if not hmac.compare_digest(code, self._code(body)):
            raise WatchDamaged(size=len(data))
        return decode(Watched, body, MAX_FILE)

    def _code(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")

    def follow(self, watch: Watch) -> None:
        """Write the file anew once enough was added; on a full disk it stays behind."""
        if abs(progress(watch) - self._kept) < EVERY:
            return
        body = encode(watch.watched)
        try:
            files.replace(self._path, self._code(body) + body)
            self._kept = progress(watch)
        except OSError as error:
            log.warning("what was verified is not kept", path=self._path, reason=str(error))


class WatchDamaged(Invalid):
    """The file is not as this signer wrote it."""


def progress(watch: Watch) -> int:
    """Grows with every header and every proved spend of the anchor."""
    return watch.tip.header.height + len(watch.spent)
