"""The block we make next, begun while its parent is being voted on.

Payments that wait are applied on the parent that was executed and is not final: when it is, what
is left of the work is the block's head and what came last. Should another parent become final, the
beginning is thrown away.
"""

from __future__ import annotations

from typing import Final

import trio

from bystack.node.sidechain.executing.application import Application, Begun, StaleParent
from bystack.node.sidechain.pooling import Pooling
from bystack.sidechain.blocks import Header

FEW: Final = 25
"""Payments taken in at a time: less than a millisecond of work, for votes are on their way."""
PAUSE: Final = 0.02
"""Seconds in which what is admitted gathers, before it is looked at."""


class Beginning:
    """One block begun at a time."""

    def __init__(self, application: Application, pooling: Pooling) -> None:
        self._application, self._pooling = application, pooling
        self._scope = trio.CancelScope()
        self._begun: Begun | None = None
        self.most = 0
        """How many the last beginning was to hold, places kept included."""

    async def run(self, parent: Header, most: int) -> None:
        """Take in payments that wait, about `most`, on `parent`; until they are taken."""
        if self._begun is not None and self._begun.parent == parent.id:
            return
        self._scope.cancel()
        try:
            self._begun = begun = self._application.begin(parent)
        except StaleParent:
            return
        self.most = most
        with trio.CancelScope() as self._scope:
            await self._fill(begun, most)

    async def _fill(self, begun: Begun, most: int) -> None:
        """Until the block is full of what waits, in its order. What is no payment is not taken in
        but keeps its place: else, where more payments wait than blocks hold, nothing else came."""
        seen = set(begun.behind)
        while room := most + len(begun.behind) - len(seen):
            waiting = self._pooling.standing(most + len(begun.behind))
            fresh = [tx for tx in waiting if tx.id not in seen][:room]
            seen.update(tx.id for tx in fresh)
            for at in range(0, len(fresh), FEW):
                await self._application.extend(begun, fresh[at : at + FEW])
            await self._pooling.waiting.wait()
            await trio.sleep(PAUSE)

    def take(self, parent: bytes) -> Begun | None:
        """What was begun on a parent, if anything was; nothing is begun on it any more."""
        self._scope.cancel()
        begun, self._begun = self._begun, None
        return begun if begun is not None and begun.parent == parent else None
