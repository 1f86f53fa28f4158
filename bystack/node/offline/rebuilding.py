"""What a store should hold, computed from its blocks into a scratch store beside it.

Coins, undo data and indexes of the scratch store come from executing every block again; each block
must first fit the id it is stored under.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bystack.mainchain.blocks import Block, decode_block
from bystack.mainchain.filters import filter_of
from bystack.mainchain.transition import check_block
from bystack.node.offline.findings import Finding, Progress
from bystack.node.offline.growth import BATCH_BLOCKS, BATCH_BYTES, Growth
from bystack.node.store.chainstore import BLOCK
from bystack.node.store.storage import View
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid


class BlockOther(Invalid):
    """The bytes under this id are another block's."""


class Rebuilt(NamedTuple):
    """How many blocks were executed, what they held, and the first that does not do."""

    blocks: int
    transactions: int
    damage: Finding | None


def judge_block(id: bytes, data: bytes | None) -> Block | Finding:
    """A stored block, if its bytes are those its id commits to; else what is wrong with them."""
    if data is None:
        return Finding("block", id.hex(), "missing")
    try:
        block = decode_block(data)
        if block.id != id:
            raise BlockOther(id=id)
        if block.header.height:  # the first block holds nothing
            check_block(block)
    except Invalid as error:
        return Finding("block", id.hex(), f"damaged ({error.rule})")
    return block


def filter_differs(view: View, id: bytes, stored: bytes) -> bool:
    """Whether a stored filter is not its block's; of a block that is not here nobody knows."""
    block = judge_block(id, view.get(BLOCK + id))
    return not isinstance(block, Finding) and encode(filter_of(block)) != stored


async def rebuild(
    source: View, growth: Growth, line: Sequence[bytes], progress: Progress
) -> Rebuilt:
    """Execute the blocks of `line`, which follow `growth`'s tip, as far as they do."""
    done, transactions = 0, 0
    for batch, damage in _batches(source, line):
        refused = await growth.connect(batch) if batch else None
        if refused is not None:
            good = [block.id for block in batch].index(refused.block)
            batch = batch[:good]
            reason = f"invalid ({refused.reason.rule})"
            damage = Finding("block", refused.block.hex(), reason)
        done += len(batch)
        transactions += sum(len(block.transactions) for block in batch)
        progress("blocks", done, len(line))
        if damage is not None:
            return Rebuilt(done, transactions, damage)
    return Rebuilt(done, transactions, None)


def _batches(source: View, line: Sequence[bytes]) -> Iterator[tuple[list[Block], Finding | None]]:
    """Blocks in batches of bounded size; the first damage ends the last one."""
    batch: list[Block] = []
    size = 0
    for id in line:
        data = source.get(BLOCK + id)
        block = judge_block(id, data)
        if isinstance(block, Finding):
            yield batch, block
            return
        batch.append(block)
        size += len(data or b"")
        if len(batch) == BATCH_BLOCKS or size >= BATCH_BYTES:
            yield batch, None
            batch, size = [], 0
    yield batch, None
