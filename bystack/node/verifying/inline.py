"""Signatures verified where they come, a few milliseconds at a time.

Where a process is one of several on the same cores, threads gain nothing: a thread that verifies
needs the interpreter after every signature, and beside one that computes it waits its turn each
time, milliseconds for microseconds of work. So everything is done in the one thread of the process,
in slices, and between two slices everybody else has their turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from bystack.ledger.checks import SignatureWrong, failed
from bystack.ledger.effects import BlsCheck, Check
from bystack.node.verifying.verifier import Verifier

SLICE: Final = 64
"""Checks made at a time: two or three milliseconds of work."""


class InlineVerifier(Verifier):
    """Verifies Schnorr checks in the calling task; BLS checks as `Verifier` does."""

    async def require(self, checks: Sequence[Check]) -> None:
        """Return when every check holds; raise `SignatureWrong` when one does not."""
        if any(type(check) is BlsCheck for check in checks):
            return await super().require(checks)
        for at in range(0, len(checks), SLICE):
            part = checks[at : at + SLICE]
            unknown = self.unknown(part)
            if unknown:
                _require(unknown, part, at)
                self.remember_all(unknown)
                await trio.lowlevel.checkpoint()


def _require(unknown: Sequence[Check], part: Sequence[Check], at: int) -> None:
    place = failed(unknown)
    if place is not None:
        wrong = unknown[place]
        raise SignatureWrong(index=at + part.index(wrong), key=wrong.key)
