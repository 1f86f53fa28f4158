"""Bringing a chain into a stopped node's store: every block judged as if a peer had sent it.

Whole batches are committed as they come, so a file that turns bad in the middle leaves the valid
blocks before that place, and an import that was cut short goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from bystack.mainchain.archive import Reader, network_of
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry, HeaderOrphan, path
from bystack.mainchain.events import Switch
from bystack.mainchain.transition import check_block
from bystack.node.mainchain.pruning import Pruner
from bystack.node.offline.findings import Progress
from bystack.node.offline.growth import BATCH_BLOCKS, BATCH_BYTES, Growth
from bystack.node.store.chainstore import ChainStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.errors import Invalid

CHUNK: Final = 1_000_000


class BlockRefused(Exception):
    """A block of the file breaks a rule; `reason` is the rule, what came before it is kept."""

    def __init__(self, height: int, reason: Invalid) -> None:
        text = f"the block at height {height} is refused: {reason}"
        hint = "; import a file that begins where this chain ends, or lower"
        super().__init__(text + hint if isinstance(reason, HeaderOrphan) else text)
        self.height, self.reason = height, reason


@dataclass
class Imported:
    """What an import did: blocks read, those known before, and where the chain stands."""

    read: int = 0
    known: int = 0
    height: int = 0


class Importing:
    """One import into one store; `now` in seconds, against headers from the future."""

    def __init__(self, store: ChainStore, verifier: Verifier, now: int, progress: Progress) -> None:
        stored = store.load()
        self._store, self._now, self._progress = store, now, progress
        self._tree, self._tip = stored.tree, _entry(stored.tree.entry(stored.connected))
        self._at_hand = set(stored.at_hand)
        self._growth = Growth(store, stored.tree, verifier)
        self._pruner = Pruner(store, stored.tree, 0)
        self._batch: list[Block] = []
        self._size = 0
        self.done = Imported(height=self._tip.header.height)

    async def run(self, file: BinaryIO) -> Imported:
        """Read a whole archive; raises `BlockRefused`, the archive's errors, a `StoreError`.

        Whatever is raised, the blocks before that place are in the store.
        """
        reader = Reader(network_of(self._store.params))
        try:
            while data := file.read(CHUNK):
                for block, size in reader.receive(data):
                    await self._take(block, size)
                    self._tell(reader)
            reader.finish()
        finally:
            await self._flush()
            self._tell(reader)
        return self.done

    def _tell(self, reader: Reader) -> None:
        if reader.start is not None:
            total = max(reader.start.last - reader.start.first + 1, self.done.read)
            self._progress("blocks", self.done.read, total)

    async def _take(self, block: Block, size: int) -> None:
        self.done.read += 1
        if self._has(block.id):
            self.done.known += 1
            return
        self._batch.append(block)
        self._size += size
        if len(self._batch) >= BATCH_BLOCKS or self._size >= BATCH_BYTES:
            await self._flush()

    def _has(self, id: bytes) -> bool:
        entry = self._tree.entry(id)
        if entry is None:
            return False
        return id in self._at_hand or self._store.connected_at(entry.header.height) == id

    async def _flush(self) -> None:
        """Judge the batch's headers and bodies, then connect or keep what is sound of it."""
        batch, self._batch, self._size = self._batch, [], 0
        refused: BlockRefused | None = None
        changes, sound = dict[bytes, bytes | None](), list[Block]()
        for block in batch:
            try:
                check_block(block)
                added = self._tree.add([block.header], self._now).added
            except Invalid as error:
                refused = BlockRefused(block.header.height, error)
                break
            changes |= self._store.header_changes(added) | self._store.block_changes(block)
            sound.append(block)
        if sound:
            await self._store.commit(changes)
            self._at_hand.update(block.id for block in sound)
            refused = await self._adopt(sound) or refused
        if refused is not None:
            raise refused

    async def _adopt(self, blocks: Sequence[Block]) -> BlockRefused | None:
        """Move to the last of these blocks if that gains work."""
        goal = _entry(self._tree.entry(blocks[-1].id))
        if goal.work <= self._tip.work:
            return None
        switch = Switch(*path(self._tree, self._tip, goal))
        if not self._at_hand.issuperset(switch.connect):
            return None  # headers are known here whose blocks are neither here nor in the file
        self._pruner.require(switch, self._tip)
        refused = await self._growth.move(switch, {block.id: block for block in blocks})
        if refused is None:
            self._moved(switch, goal)
            return None
        bad = _entry(self._tree.entry(refused.block))
        await self._store.commit(self._store.bad_changes(refused.block))
        before = [block for block in blocks if block.header.height < bad.header.height]
        if before:
            await self._adopt(before)
        return BlockRefused(bad.header.height, refused.reason)

    def _moved(self, switch: Switch, goal: Entry) -> None:
        self._at_hand.difference_update(switch.connect)
        self._at_hand.update(switch.disconnect)
        self._tip = goal
        self.done.height = goal.header.height


def _entry(entry: Entry | None) -> Entry:
    assert entry is not None
    return entry
