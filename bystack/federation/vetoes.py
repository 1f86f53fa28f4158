"""Delayed payouts that a guard sent back, as a signer has them proved to itself.

The order that set them aside is the proved spend of its seq all the same. Only when every coin it
made is proved vetoed may its requests be signed under another seq: until then they may be paid.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

from msgspec import Meta

from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_operations import Veto
from bystack.primitives.codec import U63, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.inclusion import Included
from bystack.sidechain.mirror import operation_in


class NotVetoed(Invalid):
    """The proved transaction is no veto of a payout that this signer's vault set aside."""


class SetAside(Wire):
    """A coin that the delayed order of a seq made; `back`: the block of its veto, if proved."""

    seq: U63
    coin: Outpoint
    back: Annotated[tuple[Bytes32, ...], Meta(max_length=1)]


class Vetoes:
    """The coins of each delayed order, and which of them a guard sent back, in which block.

    `rows`: what another kept of it.
    """

    def __init__(self, rows: Sequence[SetAside] = ()) -> None:
        self._coins: dict[int, tuple[Outpoint, ...]] = {}
        self._seqs: dict[Outpoint, int] = {row.coin: row.seq for row in rows}
        self._back: dict[Outpoint, bytes] = {row.coin: at for row in rows for at in row.back}
        for row in rows:
            self._coins[row.seq] = (*self._coins.get(row.seq, ()), row.coin)

    @property
    def rows(self) -> tuple[SetAside, ...]:
        """All of it, to be kept."""
        return tuple(
            SetAside(seq, coin, (self._back[coin],) if coin in self._back else ())
            for seq, coins in self._coins.items()
            for coin in coins
        )

    def ordered(self, seq: int, coins: Sequence[Outpoint]) -> None:
        """A delayed order is proved: it made these coins."""
        self._coins[seq] = tuple(coins)
        self._seqs |= dict.fromkeys(coins, seq)

    def forget(self, seq: int) -> None:
        """The order is reorganised away, and its coins with it."""
        for coin in self._coins.pop(seq, ()):
            self._seqs.pop(coin, None)
            self._back.pop(coin, None)

    def leave(self, headers: Collection[bytes]) -> None:
        """Vetoes in these blocks are reorganised away."""
        self._back = {coin: at for coin, at in self._back.items() if at not in headers}

    def prove(self, included: Included) -> None:
        """A veto deep enough; raises `NotVetoed`, `NoOperation`."""
        operation = operation_in(included.transaction)
        coin = operation.outpoint if isinstance(operation, Veto) else None
        if coin not in self._seqs or included.transaction.body.inputs[:1] != (coin,):
            raise NotVetoed(transaction=included.transaction.id)
        self._back[coin] = included.header.id

    def lacks(self, coin: Outpoint) -> bool:
        """True for a coin set aside whose veto is not proved."""
        return coin in self._seqs and coin not in self._back

    def sent_back(self, seq: int) -> bool:
        """True if the order of this seq pays nobody: all it set aside is back."""
        coins = self._coins.get(seq, ())
        return bool(coins) and all(coin in self._back for coin in coins)
