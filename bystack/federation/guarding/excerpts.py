"""The main chain as a guard needs it: of its blocks what concerns its vault or its sponsor.

Kept, so that a start need not read every full block since the vault's checkpoint: the excerpts are
followed again as if they were the blocks, and what follows from them is the same. Nothing of it is
authority; whoever keeps none reads the chain.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from bystack.federation.purse import KEPT_BLOCKS
from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    PendingLock,
    PolicyLock,
    Transaction,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.vault_operations import VAULT_KINDS
from bystack.mainchain.blocks import Block, decode_block
from bystack.primitives.codec import Bytes32, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.relayed import ChainPlace

MAX_EXCERPTS: Final = 64_000_000
"""Bytes: some hundred thousand deposits. Beyond that nothing is kept, and a start reads it all."""


class ExcerptsForeign(Invalid):
    """What was kept is of another main chain or vault, or of another sponsor's purse."""


class KeptExcerpts(Wire):
    """A guard's main chain: blocks without what concerns nobody here, the newest last."""

    chain: Bytes32
    vault: Bytes32
    sponsor: Bytes32
    blocks: tuple[bytes, ...]


class Excerpts:
    """Blocks that hold something, and the last `KEPT_BLOCKS` whatever they hold.

    `moved` counts the blocks that came or went since it was last kept.
    """

    def __init__(self, chain: bytes, vault: bytes, sponsor: bytes) -> None:
        self._chain, self._vault, self._sponsor = chain, vault, sponsor
        self._lock = PolicyLock(sponsor)
        self.restart()

    def restart(self) -> None:
        """The main chain is followed from its start again."""
        self._old: list[bytes] = []
        self._size = 0
        self._recent: deque[Block] = deque()
        self._coins: set[Outpoint] = set()
        self.moved = 0

    @property
    def known(self) -> tuple[ChainPlace, ...]:
        """The last blocks, the newest last."""
        return tuple(ChainPlace(one.header.height, one.id) for one in self._recent)

    @property
    def height(self) -> int:
        """The height of the last block; 0 before the first."""
        return self._recent[-1].header.height if self._recent else 0

    def connect(self, block: Block) -> None:
        """A block joined the best chain."""
        self._recent.append(Block(block.header, tuple(filter(self._concerns, block.transactions))))
        self.moved += 1
        if len(self._recent) > KEPT_BLOCKS:
            self._age(self._recent.popleft())

    def disconnect(self, height: int) -> None:
        """The last block left the best chain. Whoever feeds this begins anew below `known`."""
        while self._recent and self._recent[-1].header.height >= height:
            self._recent.pop()
        self.moved += 1

    def _age(self, block: Block) -> None:
        """One that is hardly ever taken back any more. What is too much is not held either."""
        if not block.transactions:
            return
        data = encode(block)
        self._size += len(data)
        if self._size > MAX_EXCERPTS:
            self._old.clear()
        else:
            self._old.append(data)

    def _concerns(self, tx: Transaction) -> bool:
        """An operation on any vault, a coin for this one, a coin of the sponsor's made or spent."""
        mine = [index for index, one in enumerate(tx.body.outputs) if one.lock == self._lock]
        self._coins.update(Outpoint(tx.id, index) for index in mine)
        return (
            bool(mine)
            or any(action.kind in VAULT_KINDS for action in tx.body.actions)
            or any(self._is_vaults(output) for output in tx.body.outputs)
            or any(point in self._coins for point in tx.body.inputs)
        )

    def _is_vaults(self, output: Output) -> bool:
        kinds = DepositLock | TreasuryLock | PendingLock | VaultLock
        return isinstance(output.lock, kinds) and output.lock.vault == self._vault

    @property
    def kept(self) -> KeptExcerpts:
        """All of it, for `resume`; of too much, nothing."""
        recent = () if self._size > MAX_EXCERPTS else map(encode, self._recent)
        return KeptExcerpts(self._chain, self._vault, self._sponsor, (*self._old, *recent))

    def resume(self, kept: KeptExcerpts) -> None:
        """Go on where another was; raises `ExcerptsForeign` and `decode_block`'s errors."""
        if (kept.chain, kept.vault, kept.sponsor) != (self._chain, self._vault, self._sponsor):
            raise ExcerptsForeign(kept=kept.vault, vault=self._vault)
        blocks = [decode_block(data) for data in kept.blocks]
        self.restart()
        for block in blocks:
            self.connect(block)
        self.moved = 0

    @property
    def blocks(self) -> list[Block]:
        """The excerpts in the chain's order, to be followed like blocks."""
        return [*map(decode_block, self._old), *self._recent]
