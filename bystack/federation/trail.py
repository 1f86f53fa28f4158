"""The main chain as a member follows it, and what of that is kept, so that it need not read it all.

A member needs of every block only its sponsor's coins and the operations of vaults. Both are kept
as of the last block followed, with the blocks before it by id: whoever goes on from there is told
of a reorganisation as if nothing had happened. Nothing of it decides what is signed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from bystack.federation.purse import KEPT_BLOCKS, KeptPurse, Purse
from bystack.ledger.transactions import Outpoint, Transaction, VaultLock
from bystack.ledger.vault_operations import VAULT_KINDS, VETO
from bystack.mainchain.blocks import Block
from bystack.primitives.codec import U63, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.relayed import ChainPlace

MAX_FOLLOWED: Final = 64_000_000
"""Bytes: half a million operations. Beyond that nothing is kept, and a start reads it all."""


class FollowedForeign(Invalid):
    """What was kept is of another main chain, or of another sponsor's purse."""


class SeenOperation(Wire):
    """A vault's operation in a block.

    `vaults`: whose anchor it made, at most one; `coins`: the pending coin that it sends back, where
    it is a veto.
    """

    height: U63
    transaction: Bytes32
    vaults: Annotated[tuple[Bytes32, ...], Meta(max_length=1)]
    coins: Annotated[tuple[Outpoint, ...], Meta(max_length=1)]


class Followed(Wire):
    """A member's main chain: `known` are its last blocks, the newest last."""

    chain: Bytes32
    known: Annotated[tuple[ChainPlace, ...], Meta(max_length=KEPT_BLOCKS)]
    purse: KeptPurse
    operations: tuple[SeenOperation, ...]


class Operations:
    """The operations of all vaults on the best chain, in its order: any may be ours one day."""

    def __init__(self) -> None:
        self._rows: list[SeenOperation] = []
        self._anchors: dict[bytes, list[SeenOperation]] = {}
        self._vetoes: list[SeenOperation] = []

    @property
    def rows(self) -> tuple[SeenOperation, ...]:
        """All of them, to be kept."""
        return tuple(self._rows)

    def resume(self, rows: tuple[SeenOperation, ...]) -> None:
        """Go on where others were."""
        self.restart()
        for row in rows:
            self._add(row)

    def connect(self, height: int, block: Block) -> None:
        """Note the creations and spends of anchors, and vetoes, in a block."""
        for tx in block.transactions:
            kinds = {action.kind for action in tx.body.actions} & VAULT_KINDS
            vaults = _anchored(tx) if kinds else ()
            coins = tx.body.inputs[:1] if VETO in kinds else ()
            if vaults or coins:
                self._add(SeenOperation(height, tx.id, vaults, coins))

    def _add(self, row: SeenOperation) -> None:
        self._rows.append(row)
        for vault in row.vaults:
            self._anchors.setdefault(vault, []).append(row)
        if row.coins:
            self._vetoes.append(row)

    def disconnect(self, height: int) -> None:
        """Forget those of the blocks from a height on."""
        for rows in (self._rows, self._vetoes, *self._anchors.values()):
            while rows and rows[-1].height >= height:
                rows.pop()

    def restart(self) -> None:
        """The main chain is followed from its start again."""
        self.disconnect(0)

    def anchors(self, vault: bytes) -> Sequence[SeenOperation]:
        """The creation of a vault and each spend of its anchor."""
        return self._anchors.get(vault, ())

    @property
    def vetoes(self) -> Sequence[SeenOperation]:
        """The vetoes of all vaults."""
        return self._vetoes


def _anchored(tx: Transaction) -> tuple[bytes, ...]:
    """The vault whose anchor a transaction makes; the main chain takes one operation in each."""
    locks = [output.lock for output in tx.body.outputs]
    return tuple(lock.vault for lock in locks if isinstance(lock, VaultLock))[:1]


class Trail:
    """A sponsor's purse and the vaults' operations, followed block by block from `chain`'s start.

    `moved` counts the blocks that came or went since it was last kept.
    """

    def __init__(self, chain: bytes, sponsor: bytes, maturity: int) -> None:
        self._chain, self._sponsor, self._maturity = chain, sponsor, maturity
        self.operations = Operations()
        self.restart()

    def restart(self) -> None:
        """The main chain is followed from its start again."""
        self.purse = Purse(self._sponsor, self._maturity)
        self._known: deque[ChainPlace] = deque(maxlen=KEPT_BLOCKS)
        self.operations.restart()
        self.moved = 0

    @property
    def height(self) -> int:
        """The height of the last block; 0 before the first."""
        return self.purse.height

    @property
    def known(self) -> tuple[ChainPlace, ...]:
        """The last blocks, the newest last."""
        return tuple(self._known)

    def connect(self, height: int, id: bytes, block: Block) -> None:
        """A block joined the best chain."""
        self.purse.connect(id, height, block.transactions)
        self.operations.disconnect(height)
        self.operations.connect(height, block)
        self._known.append(ChainPlace(height, id))
        self.moved += 1

    def disconnect(self, height: int, id: bytes) -> None:
        """The last block left the best chain. Whoever feeds this begins anew below `known`."""
        self.purse.disconnect(id)
        self.operations.disconnect(height)
        while self._known and self._known[-1].height >= height:
            self._known.pop()
        self.moved += 1

    @property
    def kept(self) -> Followed:
        """All of it, for `resume`."""
        return Followed(self._chain, self.known, self.purse.kept, self.operations.rows)

    def resume(self, kept: Followed) -> None:
        """Go on where another was; raises `FollowedForeign`."""
        if kept.chain != self._chain or kept.purse.root != self.purse.root:
            raise FollowedForeign(kept=kept.chain, chain=self._chain)
        self.purse.resume(kept.purse)
        self.operations.resume(kept.operations)
        self._known.extend(kept.known)
        self.moved = 0
