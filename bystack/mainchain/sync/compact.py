"""Blocks in short for peers that hold most of the transactions already.

The idea is BIP 152's: the header, the coinbase, and of every other transaction eight bytes of a
hash of its witness id, keyed by header and salt so that nobody prepares collisions for all nodes.
What was put together wrongly shows in the roots; whose fault that is depends on who gave what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.messages import CompactBlock
from bystack.mainchain.transition import check_block
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged

SHORT: Final = 8

_key = tagged("mainchain/compact/key")
_short = tagged("mainchain/compact/short")


class CompactCount(Invalid):
    """The compact block names another number of transactions than its header."""


class NotTheTransactions(Invalid):
    """The transactions are not those that were asked for."""


class ShortCollision(Invalid):
    """Transactions that wait here stood in for others: nobody's fault."""


def short_id(key: bytes, witness_id: bytes) -> bytes:
    """Eight bytes that stand for a transaction under a block's key."""
    return _short(key, witness_id)[:SHORT]


def key_of(block: CompactBlock) -> bytes:
    """The key of a compact block's short ids."""
    return _key(encode(block.header), block.salt)


def compact(block: Block, salt: bytes) -> CompactBlock:
    """The compact form of a block; `salt` is 8 bytes drawn at random."""
    bare = CompactBlock(block.header, salt, block.transactions[0], ())
    key = key_of(bare)
    short = tuple(short_id(key, tx.witness_id) for tx in block.transactions[1:])
    return CompactBlock(block.header, salt, block.transactions[0], short)


def check_compact(block: CompactBlock) -> None:
    """Raise `CompactCount` unless the header counts as many transactions."""
    if block.header.transaction_count != len(block.short) + 1:
        raise CompactCount(expected=block.header.transaction_count, given=len(block.short) + 1)


def match(block: CompactBlock, waiting: Iterable[Transaction]) -> dict[int, Transaction]:
    """Those of the waiting transactions that the block names, by position.

    A short id that stands twice, in the block or here, names nothing.
    """
    key, places = key_of(block), dict[bytes, int]()
    for place, short in enumerate(block.short):
        places[short] = 0 if short in places else place + 1
    found: dict[int, Transaction] = {}
    for tx in waiting:
        place = places.get(short_id(key, tx.witness_id), 0)
        if place and found.setdefault(place, tx) is not tx:
            places[block.short[place - 1]] = 0
    return {place: tx for place, tx in found.items() if places[block.short[place - 1]]}


@dataclass
class Filling:
    """A compact block on its way to being whole: from whom, since when, what was found here."""

    peer: bytes
    block: CompactBlock
    since: int
    found: Mapping[int, Transaction] | None = None

    def lacking(self) -> tuple[int, ...]:
        """The positions of what was not found here, ascending."""
        found = self.found or {}
        return tuple(at for at in range(1, len(self.block.short) + 1) if at not in found)

    def whole(self, given: Sequence[Transaction]) -> Block:
        """The block, with what its sender gave in the places that lack.

        Raises `NotTheTransactions` or a rule of `check_block` where the sender is to blame, and
        `ShortCollision` where a transaction of ours may be the wrong one.
        """
        lacking, found = self.lacking(), self.found or {}
        self._check_given(lacking, given)
        placed = {**found, **dict(zip(lacking, given, strict=True))}
        rest = (placed[at] for at in range(1, len(self.block.short) + 1))
        block = Block(self.block.header, (self.block.coinbase, *rest))
        try:
            check_block(block)
        except Invalid as error:
            if found:
                raise ShortCollision(block=block.id) from None
            raise error
        return block

    def _check_given(self, lacking: Sequence[int], given: Sequence[Transaction]) -> None:
        if len(given) != len(lacking):
            raise NotTheTransactions(expected=len(lacking), given=len(given))
        key = key_of(self.block)
        for at, tx in zip(lacking, given, strict=True):
            if short_id(key, tx.witness_id) != self.block.short[at - 1]:
                raise NotTheTransactions(position=at)
