"""What ordinary payments do in a block: nothing but coins and fees, in whatever state it stands.

So a proposer may apply them before it is known when its block comes and on which certificate: all
they ask of a block is its parent's coins and its height.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bystack.ledger.coins import Coin, CoinView, Delta, Overlay, coin_digest
from bystack.ledger.effects import Applied, Check
from bystack.ledger.ordinary import judge_ordinary
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.multiset import Running
from bystack.sidechain.fees import check_fees, least_fees
from bystack.sidechain.params import Genesis

Verified = Callable[[Transaction, tuple[Check, ...]], bool]
"""Whether a transaction's signatures hold."""


class SignatureWrong(Invalid):
    """A signature of the transaction does not verify."""


class Tally:
    """Coins and fees of a block that is being executed, and the running digest of its coins.

    `coins` and `multiset` are those after the parent, `height` is the block's own.
    """

    def __init__(self, genesis: Genesis, coins: CoinView, multiset: bytes, height: int) -> None:
        self.coins, self.height = Overlay(coins), height
        self.checks: list[Check] = []
        self._chain, self._maturity = genesis.id, genesis.main.maturity
        self._least = least_fees(genesis)
        self._fees: dict[bytes, int] = {}
        self._digest = Running(multiset)
        self._moved: list[Delta] = []

    def judge(self, tx: Transaction) -> Applied | None:
        """What an ordinary payment would do (`ledger.ordinary`), None for anything else.

        Raises the rule of fees that it breaks.
        """
        payment = judge_ordinary(self.coins, tx, self.height, self._chain, self._maturity)
        if payment is not None:
            check_fees(self._least, payment.fees)
        return payment

    def pay(self, tx: Transaction, verified: Verified | None) -> tuple[Check, ...] | None:
        """Apply an ordinary payment: the checks it needs, or None for anything else.

        Raises the rule of fees that it breaks, `SignatureWrong` if `verified` says so.
        """
        payment = self.judge(tx)
        if payment is None:
            return None
        if verified is not None and not verified(tx, payment.checks):
            raise SignatureWrong(transaction=tx.id)
        (spent,) = payment.delta.spent.items()
        self.coins.move(*spent, payment.delta.created)
        self._moved.append(payment.delta)
        for asset, fee in payment.fees.items():
            self._fees[asset] = self._fees.get(asset, 0) + fee
        self.checks += payment.checks
        return payment.checks

    def move(self, delta: Delta, checks: tuple[Check, ...] = ()) -> None:
        """Apply a change of any other kind, judged by whoever calls."""
        self.coins.apply(delta)
        self._moved.append(delta)
        self.checks += checks

    def take_fees(self) -> dict[bytes, int]:
        """The payments' fees since the last call, by asset."""
        fees, self._fees = self._fees, {}
        return fees

    def fold(self) -> None:
        """Bring the coin set's digest up to date: a part of `multiset` that may be done before."""
        moved, self._moved = self._moved, []
        created = (one for delta in moved for one in coin_elements(delta.created))
        spent = (one for delta in moved for one in coin_elements(delta.spent))
        self._digest.update(created, spent)

    @property
    def multiset(self) -> bytes:
        """The 384-byte state of the coin set by now; costs a modular inverse."""
        self.fold()
        return self._digest.state


def coin_elements(coins: Mapping[Outpoint, Coin]) -> Iterable[bytes]:
    """What the coin set's digest holds of each coin: all of it, not only what a signer sees."""
    return [coin_digest(outpoint, coin) + encode(coin) for outpoint, coin in coins.items()]
