"""Connecting blocks to a store outside the running node: by the node's own code, in whole batches.

Every rule is applied as to a block from a peer. A batch is committed whole or not at all, so a
process that is killed leaves a store that opens at the last complete batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from bystack.ledger.checks import Verified
from bystack.ledger.effects import Check
from bystack.mainchain.blocks import Block
from bystack.mainchain.events import Refused, Switch
from bystack.mainchain.tree import HeaderTree
from bystack.node.mainchain.switching import Switcher
from bystack.node.store.chainstore import ChainStore
from bystack.node.verifying.verifier import Verification, Verifier

BATCH_BLOCKS: Final = 64
BATCH_BYTES: Final = 8_000_000


class Unverified(Verifier):
    """Takes every signature for true: for a check that need not make them again."""

    async def require(self, checks: Sequence[Check]) -> None:
        """Return at once."""

    def holds(self, checks: Sequence[Check]) -> bool:
        """True."""
        return True

    @contextmanager
    def verification(self) -> Iterator[Verification]:
        """One that finds nothing wrong."""
        yield Unmade(Verified(), None, 1)


class Unmade(Verification):
    """Checks that are not made."""

    def add(self, checks: Sequence[Check]) -> None:
        """Nothing."""


class Growth:
    """Moves the connected chain of a store; `tree` knows every header on the way."""

    def __init__(self, store: ChainStore, tree: HeaderTree, verifier: Verifier) -> None:
        self._store = store
        self._switcher = Switcher(store, tree, verifier)

    async def move(self, switch: Switch, fresh: Mapping[bytes, Block]) -> Refused | None:
        """Make the switch; None, or why not, and then nothing is changed.

        `fresh` are blocks of it that need not be read from the store.
        """
        decision = await self._switcher.judge(switch, fresh)
        if isinstance(decision, Refused):
            return decision
        await self._store.commit_switch(decision.changes, decision.delta)
        return None

    async def connect(self, blocks: Sequence[Block]) -> Refused | None:
        """Connect blocks that follow the tip; of a batch with a bad one, those before it."""
        known = {block.id: block for block in blocks}
        refused = await self.move(Switch((), tuple(known)), known)
        if refused is not None:
            sound = tuple(known)[: tuple(known).index(refused.block)]
            if sound:
                await self.move(Switch((), sound), known)
        return refused
