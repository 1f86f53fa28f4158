"""Signature checks in worker threads, in batches, with a memory of those that held.

Threads suffice: libsecp256k1 and arkworks let go of the interpreter while they compute. A check
that held in the memory pool is not made again when its block comes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import trio

from bystack.ledger.checks import SignatureWrong, Verified, failed
from bystack.ledger.effects import BlsCheck, Check

REMEMBERED = 200_000
INLINE = 4
"""So few Schnorr checks cost less than handing them to a thread."""
BATCH = 64


class Verifier:
    """Verifies checks on `workers` threads; shared by everything in one process."""

    def __init__(self, workers: int | None = None, remembered: int = REMEMBERED) -> None:
        self._workers = workers or os.cpu_count() or 1
        self._limiter = trio.CapacityLimiter(self._workers)
        self._verified = Verified(remembered)

    async def require(self, checks: Sequence[Check]) -> None:
        """Return when every check holds; raise `SignatureWrong` when one does not."""
        unknown = self._verified.unknown(checks)
        wrong = await self._first_wrong(unknown)
        if wrong is not None:
            raise SignatureWrong(index=checks.index(wrong), key=wrong.key)
        self._verified.remember(unknown)

    def holds(self, checks: Sequence[Check]) -> bool:
        """Whether every check holds, verified in this thread where it is not remembered."""
        return failed(self._verified.unknown(checks)) is None

    async def _first_wrong(self, checks: Sequence[Check]) -> Check | None:
        if len(checks) <= INLINE and not any(isinstance(check, BlsCheck) for check in checks):
            return _wrong(checks)
        answers: list[Check] = []

        async def verify(part: Sequence[Check]) -> None:
            wrong = await trio.to_thread.run_sync(_wrong, part, limiter=self._limiter)
            answers.extend([] if wrong is None else [wrong])

        async with trio.open_nursery() as nursery:
            for part in parts(checks, self._workers):
                nursery.start_soon(verify, part)
        return min(answers, key=checks.index, default=None)


def _wrong(checks: Sequence[Check]) -> Check | None:
    place = failed(checks)
    return None if place is None else checks[place]


def parts(checks: Sequence[Check], workers: int) -> list[Sequence[Check]]:
    """The checks in up to `workers` parts, each of one kind, none smaller than it is worth."""
    pairings = [check for check in checks if isinstance(check, BlsCheck)]
    signatures = [check for check in checks if not isinstance(check, BlsCheck)]
    return [*_cut(signatures, workers, BATCH), *_cut(pairings, workers, 2)]


def _cut(checks: Sequence[Check], workers: int, least: int) -> list[Sequence[Check]]:
    size = max(least, -(-len(checks) // workers))
    return [checks[start : start + size] for start in range(0, len(checks), size)]
