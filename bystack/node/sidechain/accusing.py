"""Evidence is verified beside consensus before anybody there has to know: in a thread, in turn.

With hundreds of validators a proof takes half a second, and whoever is accused sends it when it
hurts most. Verdicts are remembered (`consensus.evidence`), so that the engine, the pool and a block
then find them. Of what peers tell a bounded number waits, a few of each, and between two there is
a pause: nobody buys more than a fifth of one core with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import trio

from bystack.ledger.transactions import Transaction
from bystack.node.mainchain.signals import Signal
from bystack.node.sidechain.store import SideStore
from bystack.primitives.errors import Invalid
from bystack.sidechain.action_kinds import EVIDENCE
from bystack.sidechain.actions import decode_action
from bystack.sidechain.consensus.events import Received
from bystack.sidechain.consensus.evidence import AnyEvidence
from bystack.sidechain.consensus.messages import EvidenceFound
from bystack.sidechain.misconduct import work_of
from bystack.sidechain.state import SystemState

OF_ONE: Final = 4
"""Of one peer so many wait."""
OF_ALL: Final = 64
REST: Final = 4
"""Times as long as a verification took nothing is verified after it."""


async def verify_evidence_ahead(store: SideStore, evidence: AnyEvidence) -> None:
    """Have the verdict ready, in a thread; what is refused without any signature costs none."""
    with suppress(Invalid):
        with store.snapshot() as snapshot:
            state = SystemState(store.base(snapshot).state)
            work = work_of(state, store.genesis, evidence)
        await trio.to_thread.run_sync(work)


async def verify_ahead(store: SideStore, txs: Sequence[Transaction]) -> None:
    """The same for evidence that transactions carry."""
    for tx in txs:
        for action in tx.body.actions:
            if action.kind == EVIDENCE:
                with suppress(Invalid):
                    await verify_evidence_ahead(store, decode_action(action).evidence)


class Accusations:
    """What peers tell, verified in turn. `pass_on` then tells the engine, which judges."""

    def __init__(self, store: SideStore, pass_on: Callable[[Received], Awaitable[None]]) -> None:
        self._store, self._pass_on = store, pass_on
        self._waiting: dict[bytes, deque[EvidenceFound]] = {}
        self._heard = Signal()

    def hear(self, peer: bytes, message: EvidenceFound) -> None:
        """A peer accuses; dropped while too much waits, of it or of all."""
        if sum(map(len, self._waiting.values())) >= OF_ALL:
            return
        mine = self._waiting.setdefault(peer, deque())
        if len(mine) < OF_ONE:
            mine.append(message)
        self._heard.notify()

    def leave(self, peer: bytes) -> None:
        """A peer is gone, with what it said."""
        self._waiting.pop(peer, None)

    async def run(self) -> None:
        """Verify and pass on, until cancelled."""
        while True:
            while not self._waiting:
                await self._heard.wait()
            peer = next(iter(self._waiting))
            mine = self._waiting.pop(peer)
            message = mine.popleft()
            if mine:
                self._waiting[peer] = mine  # behind the others
            began = trio.current_time()
            await verify_evidence_ahead(self._store, message.evidence)
            await self._pass_on(Received(peer, message))
            await trio.sleep(REST * (trio.current_time() - began))
