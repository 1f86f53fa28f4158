"""What the machine wants kept and that waits for the next batch: headers, blocks, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.node.store.chainstore import ChainStore


class Shelf:
    """Changes in the order they came, `size` bytes of them; whoever commits takes them all."""

    def __init__(self, store: ChainStore) -> None:
        self._store = store
        self._changes: dict[bytes, bytes | None] = {}
        self._blocks: dict[bytes, Block] = {}
        self.size = 0

    @property
    def blocks(self) -> Mapping[bytes, Block]:
        """The blocks among them, by id."""
        return self._blocks

    def keep_headers(self, entries: Sequence[Entry]) -> None:
        """Judged headers."""
        self._add(self._store.header_changes(entries))

    def keep_block(self, block: Block) -> None:
        """A block at hand."""
        self._blocks[block.id] = block
        self._add(self._store.block_changes(block))

    def keep_refusal(self, block: bytes) -> None:
        """A block that is invalid."""
        self._blocks.pop(block, None)
        self._add(self._store.bad_changes(block))

    def _add(self, changes: Mapping[bytes, bytes | None]) -> None:
        self._changes |= changes
        self.size += sum(len(key) + len(value or b"") for key, value in changes.items())

    def take(self) -> dict[bytes, bytes | None]:
        """Everything, leaving the shelf empty."""
        taken, self._changes, self._blocks, self.size = self._changes, {}, {}, 0
        return taken
