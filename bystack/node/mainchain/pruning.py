"""What a pruning node throws away, and what it can then no longer do.

`prune = N` keeps the last N blocks with what undoes them; the chain's own task drops older ones in
bounded steps between two events, so that no switch and no pruning ever meet. Headers, history nodes
and coins stay: everything that proves, and everything that is needed to go on.
"""

from __future__ import annotations

from typing import Final

import trio

from bystack.mainchain.chain import Entry
from bystack.mainchain.events import Switch
from bystack.mainchain.tree import HeaderTree
from bystack.node.store.chainstore import ChainStore
from bystack.node.store.storage import StoreError

STEP_BLOCKS: Final = 64
STEP_BYTES: Final = 8_000_000


class PrunedTooDeep(StoreError):
    """The best chain leaves ours below the blocks that are kept: it cannot be undone here."""


class Pruner:
    """Keeps the last `keep` connected blocks of a store; 0 keeps all of them."""

    def __init__(self, store: ChainStore, tree: HeaderTree, keep: int) -> None:
        self._store, self._tree, self._keep = store, tree, keep

    async def step(self, tip: Entry) -> bool:
        """Drop the oldest blocks that are no longer kept, a bounded part of them; True for more."""
        goal, first = self._first_due(tip), self._store.first_kept
        if first >= goal:
            return False
        changes, upto = await trio.to_thread.run_sync(self._oldest, first, goal)
        await self._store.commit_pruning(changes, upto)
        return upto < goal

    def require(self, switch: Switch, tip: Entry) -> None:
        """Raise `PrunedTooDeep` unless every block that the switch leaves is kept, and stays so.

        What is due to go may be here still, but goes while the switch is judged.
        """
        deep = len(switch.disconnect)
        first = max(self._store.first_kept, self._first_due(tip))
        if deep and tip.header.height - deep + 1 < first:
            fault = (
                f"the best chain leaves ours {deep} blocks deep; blocks below {first} are pruned"
            )
            raise PrunedTooDeep(self._store.path, fault, _STEP)

    def _first_due(self, tip: Entry) -> int:
        """The least height whose block is to be kept."""
        return tip.header.height - self._keep + 1 if self._keep else 1

    def _oldest(self, first: int, goal: int) -> tuple[dict[bytes, bytes | None], int]:
        """The changes that drop blocks from `first` on, and the first height that stays."""
        changes, size, height = dict[bytes, bytes | None](), 0, first
        while height < min(goal, first + STEP_BLOCKS) and size < STEP_BYTES:
            id = self._store.connected_at(height)
            data = None if id is None else self._store.block_bytes(id)
            if data is not None:
                changes |= self._store.pruning_changes(data)
                size += len(data)
            height += 1
        return changes | self._loose(height), height

    def _loose(self, below: int) -> dict[bytes, bytes | None]:
        """Blocks beside the chain that no allowed reorganisation can bring back."""
        entries = [(id, self._tree.entry(id)) for id in self._store.loose()]
        old = [id for id, entry in entries if entry is None or entry.header.height < below]
        return {key: value for id in old for key, value in self._store.loose_changes(id).items()}


_STEP = (
    "move the directory away and let the process fetch the chain again, "
    "or import one: bystackd import"
)
