"""Checking a pruned store: its kept blocks are undone on the stored coins and executed again.

Coins made before the first kept block cannot be computed anew; that the kept blocks undo and redo
on them, coin by coin, is what can be known. Header line, history nodes and vault index are computed
in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bystack.ledger.coins import CoinView, Delta, Overlay
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.mainchain.history import history_nodes
from bystack.mainchain.params import Params
from bystack.mainchain.transition import connect_block, decode_undo, disconnect
from bystack.node.offline.findings import Finding, Progress
from bystack.node.offline.rebuilding import judge_block
from bystack.node.store.chainstore import (
    BLOCK,
    LINE,
    NODE,
    TIP,
    UNDO,
    ChainStore,
    connect_changes,
    vault_changes,
)
from bystack.node.store.coinstore import CoinStore
from bystack.node.store.storage import View
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed

PART = 10_000


class Rewinding:
    """The kept blocks of a pruned store, undone and done again; `scratch` gets what they give."""

    def __init__(
        self, source: View, scratch: ChainStore, verifier: Verifier, progress: Progress
    ) -> None:
        self._source, self._scratch = source, scratch
        self._verifier, self._progress = verifier, progress
        self._coins: CoinView = CoinStore(source, 0)
        self._overlay = Overlay(self._coins)

    async def run(self, line: Sequence[Entry], kept: int) -> tuple[int, Finding | None]:
        """`line` is the whole chain from the first entry, its last `kept` have blocks.

        Gives the number of transactions executed and the first damage.
        """
        await self._note_line(line)
        mine = line[len(line) - kept :]
        damage = self._undo(mine)
        if damage is not None:
            return 0, damage
        count = 0
        for number, (parent, entry) in enumerate(zip(line[-kept - 1 :], mine, strict=False)):
            block = self._block(entry.id)
            damage = block if isinstance(block, Finding) else await self._redo(block, parent, entry)
            if damage is not None or isinstance(block, Finding):
                return count, damage
            count += len(block.transactions)
            self._progress("blocks", number + 1, kept)
        return count, self._left_over()

    def _block(self, id: bytes) -> Block | Finding:
        return judge_block(id, self._source.get(BLOCK + id))

    def _undo(self, kept: Sequence[Entry]) -> Finding | None:
        for entry in reversed(kept):
            data = self._source.get(UNDO + entry.id)
            if data is None:
                return Finding("undo data", entry.id.hex(), "missing")
            try:
                delta = disconnect(decode_undo(data))
            except Invalid as error:
                return Finding("undo data", entry.id.hex(), f"damaged ({error.rule})")
            wrong = self._unfit(delta)
            if wrong is not None:
                return wrong
            self._overlay.apply(delta)
        return None

    def _unfit(self, delta: Delta) -> Finding | None:
        """A coin that undoing would take away and that is not there as it was made."""
        for place, coin in delta.spent.items():
            stored = self._overlay.get(place)
            if stored != coin:
                fault = "missing" if stored is None else "changed"
                return Finding("coin", f"{place.transaction.hex()}:{place.index}", fault)
        for place in delta.created:
            if place not in delta.spent and self._overlay.get(place) is not None:
                return Finding("coin", f"{place.transaction.hex()}:{place.index}", "surplus")
        return None

    async def _redo(self, block: Block, parent: Entry, entry: Entry) -> Finding | None:
        try:
            done = connect_block(self._overlay, block, parent, self._params)
            await self._verifier.require(done.checks)
        except Invalid as error:
            return Finding("block", block.id.hex(), f"invalid ({error.rule})")
        self._overlay.apply(done.delta)
        await self._scratch.commit(connect_changes(entry, block, done.delta))
        return None

    @property
    def _params(self) -> Params:
        return self._scratch.params

    def _left_over(self) -> Finding | None:
        """Redoing all that was undone leaves the stored coins."""
        delta = self._overlay.delta()
        for place in (*delta.spent, *delta.created):
            if self._overlay.get(place) != self._coins.get(place):
                return Finding("coin", f"{place.transaction.hex()}:{place.index}", "changed")
        return None

    async def _note_line(self, line: Sequence[Entry]) -> None:
        """What headers and coins alone give: heights, history nodes, tip, vault index."""
        await self._scratch.commit({TIP: line[-1].id})
        for part in _parts(line):
            heights = {LINE + fixed(one.header.height): one.id for one in part}
            nodes = {
                NODE + fixed(node.level, 1) + fixed(node.index): node.hash
                for one in part
                for node in history_nodes(one)
            }
            await self._scratch.commit({**heights, **nodes})
        for changes in _vault_parts(self._source):
            await self._scratch.commit(changes)


def _parts(line: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    return (line[at : at + PART] for at in range(0, len(line), PART))


def _vault_parts(source: View) -> Iterator[dict[bytes, bytes | None]]:
    changes: dict[bytes, bytes | None] = {}
    for place, coin in CoinStore(source, 0).all():
        changes |= vault_changes(Delta({}, {place: coin}))
        if len(changes) >= PART:
            yield changes
            changes = {}
    yield changes
