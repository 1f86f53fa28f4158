"""What the machine wants kept and that waits for the next batch: headers, blocks, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.node.chainstore import ChainStore


class Shelf:
    """Changes in the order they came; whoever commits takes them all."""

    def __init__(self, store: ChainStore) -> None:
        self._store = store
        self._changes: dict[bytes, bytes | None] = {}
        self._blocks: dict[bytes, Block] = {}

    @property
    def blocks(self) -> Mapping[bytes, Block]:
        """The blocks among them, by id."""
        return self._blocks

    def keep_headers(self, entries: Sequence[Entry]) -> None:
        """Judged headers."""
        self._changes |= self._store.header_changes(entries)

    def keep_block(self, block: Block) -> None:
        """A block at hand."""
        self._blocks[block.id] = block
        self._changes |= self._store.block_changes(block)

    def keep_refusal(self, block: bytes) -> None:
        """A block that is invalid."""
        self._blocks.pop(block, None)
        self._changes |= self._store.bad_changes(block)

    def take(self) -> dict[bytes, bytes | None]:
        """Everything, leaving the shelf empty."""
        taken, self._changes, self._blocks = self._changes, {}, {}
        return taken
