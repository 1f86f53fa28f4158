"""A sponsor's purse: the main-chain coins of one key, with which a member pays vault fees.

No fee ever leaves a vault, so whoever assembles brings one (ledger.md, section 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.payments import sign_transaction, single_key_root
from bystack.ledger.pst import unsigned
from bystack.ledger.transactions import (
    Outpoint,
    Output,
    PolicyLock,
    Transaction,
    TransactionBody,
    Witness,
)
from bystack.ledger.vault_building import Sponsor
from bystack.mainchain.actions import COINBASE
from bystack.primitives.codec import U63, Bit, Bytes32, Wire
from bystack.primitives.errors import Invalid

KEPT_BLOCKS = 200


class PurseEmpty(Invalid):
    """The sponsor's purse holds no confirmed coin that covers the fee: send BTM to its address."""


class PurseCoin(Wire):
    """A coin of the purse; its lock is the purse's own."""

    place: Outpoint
    amount: U63
    height: U63
    coinbase: Bit


class PurseUndo(Wire):
    """What a block spent of the purse and paid into it."""

    block: Bytes32
    spent: tuple[PurseCoin, ...]
    created: tuple[Outpoint, ...]


class KeptPurse(Wire):
    """A purse after the block at `height`, and how the last blocks are undone, the newest last."""

    root: Bytes32
    height: U63
    coins: tuple[PurseCoin, ...]
    undo: Annotated[tuple[PurseUndo, ...], Meta(max_length=KEPT_BLOCKS)]


class _Undo(NamedTuple):
    block: bytes
    spent: Mapping[Outpoint, Coin]
    created: Sequence[Outpoint]


class Purse:
    """The confirmed coins of one key, followed block by block."""

    def __init__(self, secret: bytes, maturity: int) -> None:
        self._secret, self._maturity = secret, maturity
        self.root = single_key_root(secret)
        self._lock = PolicyLock(self.root)
        self._coins: dict[Outpoint, Coin] = {}
        self._undo: list[_Undo] = []
        self._reserved: dict[Outpoint, int] = {}
        self.height = 0

    def connect(self, block: bytes, height: int, transactions: Sequence[Transaction]) -> None:
        """Take a block's payments to this key and remove what it spends."""
        spent: dict[Outpoint, Coin] = {}
        created: list[Outpoint] = []
        for tx in transactions:
            for point in tx.body.inputs:
                if point in self._coins:
                    spent[point] = self._coins.pop(point)
            created += self._receive(tx, height)
        self._undo = [*self._undo[1 - KEPT_BLOCKS :], _Undo(block, spent, created)]
        self.height = height
        self._reserved = {p: until for p, until in self._reserved.items() if until > height}

    def _receive(self, tx: Transaction, height: int) -> list[Outpoint]:
        coinbase = int(any(action.kind == COINBASE for action in tx.body.actions))
        made = []
        for index, output in enumerate(tx.body.outputs):
            if output.lock == self._lock and output.asset == BTM:
                point = Outpoint(tx.id, index)
                self._coins[point] = self._coin(output.amount, height, coinbase)
                made.append(point)
        return made

    def disconnect(self, block: bytes) -> bool:
        """Undo the last block; False when it is not kept (follow the chain from the start)."""
        if not self._undo or self._undo[-1].block != block:
            return False
        undo = self._undo.pop()
        # In this order: a coin may have been made and spent in the one block.
        self._coins.update(undo.spent)
        for point in undo.created:
            self._coins.pop(point, None)
        self.height -= 1
        return True

    @property
    def kept(self) -> KeptPurse:
        """The purse but for its secret, for `resume`."""
        undo = (
            PurseUndo(one.block, _coins(one.spent.items()), tuple(one.created))
            for one in self._undo
        )
        return KeptPurse(self.root, self.height, _coins(self._coins.items()), tuple(undo))

    def resume(self, kept: KeptPurse) -> None:
        """Go on where a purse of the same key was; whoever asks has compared `root`."""
        self._coins = self._held(kept.coins)
        self._undo = [_Undo(one.block, self._held(one.spent), one.created) for one in kept.undo]
        self.height = kept.height

    def _held(self, coins: Iterable[PurseCoin]) -> dict[Outpoint, Coin]:
        return {one.place: self._coin(one.amount, one.height, one.coinbase) for one in coins}

    def _coin(self, amount: int, height: int, coinbase: int) -> Coin:
        return Coin(BTM, amount, self._lock, height, coinbase, 1, b"")

    @property
    def balance(self) -> int:
        """What the purse holds, in 10⁻⁸ BTM."""
        return sum(coin.amount for coin in self._coins.values())

    @property
    def count(self) -> int:
        """How many coins it holds: so many operations can be sponsored before the next block."""
        return len(self._coins)

    def sponsor(self, fee: int, *, reserve: int = 6) -> tuple[Sponsor, tuple[Coin, ...]]:
        """One coin that pays `fee`, the rest returned; kept back for `reserve` blocks.

        Raises `PurseEmpty`.
        """
        for point, coin in sorted(self._coins.items(), key=lambda pair: pair[1].amount):
            mature = not coin.coinbase or self.height + 1 - coin.height >= self._maturity
            if coin.amount > fee and mature and point not in self._reserved:
                self._reserved[point] = self.height + reserve
                change = Output(BTM, coin.amount - fee, self._lock)
                return Sponsor((point,), (change,)), (coin,)
        raise PurseEmpty(fee=fee, balance=self.balance)

    def release(self, sponsor: Sponsor) -> None:
        """Offer a coin again: its transaction was not taken."""
        for point in sponsor.inputs:
            self._reserved.pop(point, None)

    def sign(
        self, chain: bytes, body: TransactionBody, coins: tuple[Coin, ...], aux: bytes
    ) -> tuple[Witness, ...]:
        """The witnesses of this purse's inputs, which stand last; `coins` are all spent coins."""
        signed = sign_transaction(unsigned(chain, body, coins), {self.root: self._secret}, aux)
        inputs = signed.witnesses[: len(body.inputs)]
        return tuple(
            witness for witness, coin in zip(inputs, coins, strict=True) if coin.lock == self._lock
        )


def _coins(held: Iterable[tuple[Outpoint, Coin]]) -> tuple[PurseCoin, ...]:
    return tuple(PurseCoin(place, c.amount, c.height, c.coinbase) for place, c in held)
