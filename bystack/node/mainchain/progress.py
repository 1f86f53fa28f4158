"""How sync comes along, for RPC and for the log."""

from __future__ import annotations

from typing import Any, Final

import structlog

from bystack.mainchain.sync.pace import Progress

EVERY: Final = 10.0
"""Seconds between two lines of the log."""

log = structlog.get_logger("mainchain")


def share(progress: Progress) -> float:
    """How much of the best chain known is connected, counted in transactions: 0 to 1."""
    if progress.blocks >= progress.headers:
        return 1.0
    every = progress.transactions + progress.remaining
    if not progress.remaining:  # its headers are here, nobody has shown to have its blocks
        return progress.blocks / progress.headers
    return progress.transactions / every


def progress_form(progress: Progress) -> dict[str, Any]:
    """The `sync` object of `getblockchaininfo`."""
    return {
        "blocks_per_second": round(progress.recent_blocks / progress.seconds, 1),
        "transactions_per_second": round(progress.recent_transactions / progress.seconds, 1),
        "seconds_left": progress.seconds_left,
        "peers": progress.peers,
        "transactions": progress.transactions,
        "transactions_left": progress.remaining,
    }


class ProgressLog:
    """Writes a line every ten seconds while there is something to catch up with."""

    def __init__(self) -> None:
        self._next = 0.0

    def tell(self, syncing: bool, progress: Progress, now: float) -> None:
        """Say how far we are, if it is time to; `now` in seconds of a steady clock."""
        if now < self._next or not syncing:
            return
        self._next = now + EVERY
        done = f"{100 * share(progress):.1f} %"
        facts = {"blocks": progress.blocks, "headers": progress.headers, "done": done}
        log.info("syncing", **facts, **progress_form(progress))
