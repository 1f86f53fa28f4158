"""A wallet's view of a chain: its coins, what came and went, what is on its way.

It follows the chain block by block through the same deltas as the node, and back on a
reorganisation. Coins that a payment takes are set aside until a block spends them or the payment is
given up. No keys are needed to watch; secrets come from an account only when something is signed,
and only while the account's private key is there.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from bystack.ledger.accounts import Account, Place
from bystack.ledger.addressbook import GAP, AddressBook, GapExceeded
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.payments import PartiallySigned, build_payment, sign_transaction
from bystack.ledger.rows import Rows
from bystack.ledger.transactions import (
    Lock,
    Outpoint,
    PolicyLock,
    Transaction,
    TransactionBody,
    transaction_id,
)
from bystack.ledger.wallet_records import HistoryRecord, Movement, Reservation, fees, movements
from bystack.primitives.errors import Misuse

__all__ = [
    "Balance",
    "GapExceeded",
    "HistoryRecord",
    "Movement",
    "Wallet",
    "build_payment",
    "sign_transaction",
]

NOTHING: Mapping[Outpoint, Coin] = MappingProxyType({})
Accounts = Container[int] | None
"""Which accounts' coins are meant; None: the wallet's own."""


@dataclass(frozen=True)
class Balance:
    """Amounts of one asset: spendable, still maturing, own change not yet in a block, and what
    payments not yet in a block set aside. The first three add up to what is ours.
    """

    confirmed: int = 0
    immature: int = 0
    pending: int = 0
    reserved: int = 0


class Wallet:
    """The coins of a wallet's accounts on one chain. `height` is the last block's.

    `pegged` is true on a chain whose actions destroy what would else look like a fee.
    """

    def __init__(
        self,
        account: Account | None = None,
        gap: int = GAP,
        *,
        book: AddressBook | None = None,
        pegged: bool = False,
    ) -> None:
        self.book = AddressBook(gap) if book is None else book
        self.height = 0
        self.coins: Rows[Outpoint, Coin] = Rows()
        self.history: Rows[tuple[int, int], HistoryRecord] = Rows()
        self.reserved: Rows[Outpoint, Reservation] = Rows()
        self.pending: dict[Outpoint, Coin] = {}
        self._pegged = pegged
        if account is not None:
            self.book.add(0, account)

    @property
    def account(self) -> Account:
        """The first account."""
        return self.book.accounts[0]

    def new_lock(self, account: int = 0, *, force: bool = False) -> PolicyLock:
        """An address never handed out; raises as `AddressBook.new_lock`."""
        return self.book.new_lock(account, force=force)

    def change_lock(self, account: int = 0) -> PolicyLock:
        """The first change address that was never paid."""
        return self.book.change_lock(account)

    def place(self, lock: Lock) -> Place | None:
        """Where the lock's address stands, if it is watched."""
        return self.book.place(lock)

    def observe(
        self,
        height: int,
        delta: Delta,
        transactions: Sequence[Transaction] = (),
        *,
        time: int = 0,
        rewards: Container[bytes] = (),
        given: Mapping[Outpoint, Coin] = NOTHING,
    ) -> None:
        """A block was connected; with its transactions, the history is kept too.

        `rewards` are the ids of transactions that no coin paid for. `given` are coins that stand in
        no transaction's outputs: given out at an action, under its transaction's id, or by the
        block itself, under an id of its own.
        """
        self.book.discover(coin.lock for coin in delta.created.values())
        self.book.discover(output.lock for tx in transactions for output in tx.body.outputs)
        for entry in self._entries(height, transactions, time, rewards, given):
            self.history[height, entry.position] = entry
        for point in delta.spent:
            self._gone(point)
        for point, coin in delta.created.items():
            self._take(point, coin)
        self.height = height

    def forget(self, height: int, delta: Delta) -> None:
        """The block at `height`, the last one observed, was disconnected."""
        if height != self.height:
            raise Misuse(f"the wallet stands at {self.height}, not {height}")
        for point in delta.created:
            self.coins.pop(point, None)
        for point, coin in delta.spent.items():
            self._take(point, coin)
        for entry in list(self.entries_at(height)):
            del self.history[height, entry.position]
        self.height = height - 1

    def entries_at(self, height: int) -> Iterator[HistoryRecord]:
        """What the block at `height` did to us, if it is among the last ones observed."""
        for at, _ in reversed(self.history):
            if at < height:
                return
            if at == height:
                yield self.history[at, _]

    def confirmed(self, maturity: int, accounts: Accounts = None) -> Mapping[Outpoint, Coin]:
        """The coins that a transaction in the next block may spend."""
        return {
            point: coin
            for point, coin in self.coins.items()
            if point not in self.reserved
            and self._mature(coin, maturity)
            and self.mine(coin, accounts)
        }

    def spendable(self, maturity: int, accounts: Accounts = None) -> Mapping[Outpoint, Coin]:
        """Those, and the change of our own payments that are not in a block yet."""
        change = {
            point: coin
            for point, coin in self.pending.items()
            if point not in self.reserved and self.mine(coin, accounts)
        }
        return {**self.confirmed(maturity, accounts), **change}

    def mine(self, coin: Coin, accounts: Accounts = None) -> bool:
        """The coin is of these accounts."""
        place = self.place(coin.lock)
        if place is None:
            return False
        return self.book.own(place.account) if accounts is None else place.account in accounts

    def balances(self, maturity: int, accounts: Accounts = None) -> Mapping[bytes, Balance]:
        """What we own, per asset."""
        found: dict[bytes, dict[str, int]] = {}
        for point, coin in chain(self.coins.items(), self.pending.items()):
            if self.mine(coin, accounts):
                kind, amounts = self._kind(point, coin, maturity), found.setdefault(coin.asset, {})
                amounts[kind] = amounts.get(kind, 0) + coin.amount
        return {asset: Balance(**amounts) for asset, amounts in found.items()}

    def reserve(self, draft: PartiallySigned, *, kept: bool = False) -> None:
        """Set aside the coins a payment takes, until it is in a block or released.

        `kept`: also over a restart, as for a draft that others are still to sign.
        """
        self._set_aside(draft.body, kept)

    def set_aside(self, point: Outpoint) -> bool:
        """The owner wants a coin left alone; False when it is none of ours, or set aside."""
        if (point not in self.coins and point not in self.pending) or point in self.reserved:
            return False
        self.reserved[point] = Reservation(bytes(32), 1)
        return True

    def release(self, inputs: Iterable[Outpoint]) -> None:
        """The payment with these inputs was given up: its coins may be spent again."""
        for point in inputs:
            self.reserved.pop(point, None)

    def sent(self, tx: Transaction) -> None:
        """Our payment was accepted by the pool: its change may be built upon."""
        self._set_aside(tx.body, False)
        for index, output in enumerate(tx.body.outputs):
            point = Outpoint(tx.id, index)
            if self.place(output.lock) is not None and point not in self.coins:
                coin = Coin(output.asset, output.amount, output.lock, self.height + 1, 0, 1, b"")
                self.pending[point] = coin

    def dropped(self, tx: Transaction) -> None:
        """Our payment left the pool and no block has it."""
        self.release(tx.body.inputs)
        for index in range(len(tx.body.outputs)):
            self.pending.pop(Outpoint(tx.id, index), None)

    def secrets(self, draft: PartiallySigned) -> Mapping[bytes, bytes]:
        """Our secrets for its inputs, by policy root.

        Raises `HardenedFromPublic` where an account has no private key here. A lock that is watched
        by itself has no secret: it is left out.
        """
        places = {coin.lock: self.place(coin.lock) for coin in draft.coins}
        return {
            lock.root: self.book.accounts[place.account].secret(place)
            for lock, place in places.items()
            if place is not None
            and place.account in self.book.accounts
            and isinstance(lock, PolicyLock)
        }

    def _set_aside(self, body: TransactionBody, kept: bool) -> None:
        reservation = Reservation(transaction_id(body), int(kept))
        for point in body.inputs:
            if point in self.coins or point in self.pending:
                self.reserved[point] = reservation

    def _mature(self, coin: Coin, maturity: int) -> bool:
        return not coin.coinbase or self.height + 1 - coin.height >= maturity

    def _kind(self, point: Outpoint, coin: Coin, maturity: int) -> str:
        if point in self.reserved:
            return "reserved"
        if point in self.pending:
            return "pending"
        return "confirmed" if self._mature(coin, maturity) else "immature"

    def _take(self, point: Outpoint, coin: Coin) -> None:
        if self.place(coin.lock) is not None:
            self.coins[point] = coin
            self.pending.pop(point, None)

    def _gone(self, point: Outpoint) -> None:
        self.coins.pop(point, None)
        self.reserved.pop(point, None)
        self.pending.pop(point, None)

    def _entries(
        self,
        height: int,
        transactions: Sequence[Transaction],
        time: int,
        rewards: Container[bytes],
        given: Mapping[Outpoint, Coin],
    ) -> Iterator[HistoryRecord]:
        """The entries of a block not yet applied; what comes and goes within it is seen too."""
        inside: dict[Outpoint, tuple[bytes, int]] = {}
        position, beside = 0, self._beside(given)
        for tx in transactions:
            sent = [known for point in tx.body.inputs if (known := self._known(point, inside))]
            mine = [i for i, o in enumerate(tx.body.outputs) if self.place(o.lock) is not None]
            more = beside.pop(tx.id, [])
            if not sent and not mine and not more:
                continue
            received = [(tx.body.outputs[i].asset, tx.body.outputs[i].amount) for i in mine]
            inside.update((Outpoint(tx.id, i), r) for i, r in zip(mine, received, strict=True))
            moved, paid = movements([*received, *more], sent), self._fees(tx, sent)
            reward = int(tx.id in rewards)
            yield HistoryRecord(tx.id, height, position, time, reward, moved, paid)
            position += 1
        for id, received in beside.items():
            yield HistoryRecord(id, height, position, time, 1, movements(received, ()), ())
            position += 1

    def _beside(self, given: Mapping[Outpoint, Coin]) -> dict[bytes, list[tuple[bytes, int]]]:
        """What was given to us, by the id it was given under."""
        found: dict[bytes, list[tuple[bytes, int]]] = {}
        for point, coin in given.items():
            if self.place(coin.lock) is not None:
                found.setdefault(point.transaction, []).append((coin.asset, coin.amount))
        return found

    def _known(
        self, point: Outpoint, inside: Mapping[Outpoint, tuple[bytes, int]]
    ) -> tuple[bytes, int] | None:
        coin = self.coins.get(point)
        return (coin.asset, coin.amount) if coin is not None else inside.get(point)

    def _fees(
        self, tx: Transaction, sent: Sequence[tuple[bytes, int]]
    ) -> tuple[tuple[bytes, int], ...]:
        if not sent or len(sent) != len(tx.body.inputs) or (self._pegged and tx.body.actions):
            return ()
        paid = fees(sent, ((output.asset, output.amount) for output in tx.body.outputs))
        # What the main chain's actions destroy is never BTM, and its fees are.
        return paid if self._pegged else tuple(fee for fee in paid if fee[0] == BTM)
