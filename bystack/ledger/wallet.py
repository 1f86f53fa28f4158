"""A wallet's view of a chain: its addresses, its coins, what came and went.

It follows the chain block by block through the same deltas as the node, and back on a
reorganisation. Coins that a payment takes are set aside until a block spends them or the payment is
given up. No keys are needed to watch; secrets come from the account only when something is signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bystack.ledger.accounts import CHANGE, RECEIVE, Account, Place
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.payments import PartiallySigned, build_payment, sign_transaction
from bystack.ledger.transactions import Lock, Outpoint, PolicyLock, Transaction
from bystack.primitives.codec import U32, U63, Bytes32, Wire
from bystack.primitives.errors import Invalid, Misuse

__all__ = [
    "Balance",
    "GapExceeded",
    "HistoryEntry",
    "Movement",
    "Wallet",
    "WalletState",
    "build_payment",
    "sign_transaction",
]

GAP = 20


class GapExceeded(Invalid):
    """Too many addresses are unused: with more of them a restored wallet would miss coins."""


class Movement(Wire):
    """What a transaction brought us and took from us of one asset."""

    asset: Bytes32
    received: U63
    sent: U63


class HistoryEntry(Wire):
    """A transaction in a block that concerns us."""

    transaction: Bytes32
    height: U63
    movements: tuple[Movement, ...]


class WalletState(Wire):
    """What a wallet must remember over a restart; the rest follows from its account."""

    height: U63
    given: tuple[U32, U32]
    used: tuple[U32, U32]
    coins: tuple[tuple[Outpoint, Coin], ...]
    history: tuple[HistoryEntry, ...]


EMPTY_STATE = WalletState(0, (0, 0), (0, 0), (), ())


@dataclass(frozen=True)
class Balance:
    """Amounts of one asset: spendable, still maturing, own change not yet in a block, and what
    payments not yet in a block set aside. The first three add up to what is ours.
    """

    confirmed: int = 0
    immature: int = 0
    pending: int = 0
    reserved: int = 0

    def plus(self, kind: str, amount: int) -> Balance:
        """The balance with more of one kind."""
        return Balance(**{**self.__dict__, kind: self.__dict__[kind] + amount})


class Wallet:
    """The addresses and coins of one account on one chain. `height` is the last block's."""

    def __init__(self, account: Account, state: WalletState = EMPTY_STATE, gap: int = GAP) -> None:
        self.account = account
        self.height = state.height
        self.coins: dict[Outpoint, Coin] = dict(state.coins)
        self.history: list[HistoryEntry] = list(state.history)
        self.reserved: set[Outpoint] = set()
        self.pending: dict[Outpoint, Coin] = {}
        self._gap = gap
        self._given = list(state.given)  # addresses handed out, per chain of keys
        self._used = list(state.used)  # one after the last that was ever paid
        self._places: dict[bytes, Place] = {}
        self._ends = [0, 0]  # how far addresses are watched
        self._watch()

    def state(self) -> WalletState:
        """What to store."""
        given, used = (self._given[0], self._given[1]), (self._used[0], self._used[1])
        return WalletState(self.height, given, used, tuple(self.coins.items()), tuple(self.history))

    def new_lock(self) -> PolicyLock:
        """An address never handed out. Raises `GapExceeded`."""
        index = max(self._given[RECEIVE], self._used[RECEIVE])
        if index >= self._used[RECEIVE] + self._gap:
            raise GapExceeded(unused=self._gap)
        self._given[RECEIVE] = index + 1
        return PolicyLock(self.account.root(Place(RECEIVE, index)))

    def change_lock(self) -> PolicyLock:
        """The first change address that was never paid."""
        return PolicyLock(self.account.root(Place(CHANGE, self._used[CHANGE])))

    def place(self, lock: Lock) -> Place | None:
        """Where the lock's address stands, if it is ours."""
        return self._places.get(lock.root) if isinstance(lock, PolicyLock) else None

    def locks(self) -> tuple[PolicyLock, ...]:
        """Every address handed out or paid, for listing."""
        shown = (max(pair) for pair in zip(self._given, self._used, strict=True))
        ends = tuple(shown)
        return tuple(
            PolicyLock(root) for root, p in self._places.items() if p.index < ends[p.change]
        )

    def observe(self, height: int, delta: Delta, transactions: Sequence[Transaction] = ()) -> None:
        """A block was connected; with its transactions, the history is kept too."""
        self._discover(coin.lock for coin in delta.created.values())
        self._discover(output.lock for tx in transactions for output in tx.body.outputs)
        self.history += self._movements(height, transactions)
        for point in delta.spent:
            self.coins.pop(point, None)
            self.reserved.discard(point)
            self.pending.pop(point, None)
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
        self.history = [entry for entry in self.history if entry.height < height]
        self.height = height - 1

    def confirmed(self, maturity: int) -> Mapping[Outpoint, Coin]:
        """The coins that a transaction in the next block may spend."""
        return {
            point: coin
            for point, coin in self.coins.items()
            if point not in self.reserved and self._mature(coin, maturity)
        }

    def spendable(self, maturity: int) -> Mapping[Outpoint, Coin]:
        """Those, and the change of our own payments that are not in a block yet."""
        change = {p: coin for p, coin in self.pending.items() if p not in self.reserved}
        return {**self.confirmed(maturity), **change}

    def balances(self, maturity: int) -> Mapping[bytes, Balance]:
        """What we own, per asset."""
        sums: dict[bytes, Balance] = {}
        for point, coin in {**self.coins, **self.pending}.items():
            kind = self._kind(point, coin, maturity)
            sums[coin.asset] = sums.get(coin.asset, Balance()).plus(kind, coin.amount)
        return sums

    def reserve(self, draft: PartiallySigned) -> None:
        """Set aside the coins a payment takes, until it is in a block or released."""
        self.reserved.update(p for p in draft.body.inputs if p in self.coins or p in self.pending)

    def release(self, inputs: Iterable[Outpoint]) -> None:
        """The payment with these inputs was given up: its coins may be spent again."""
        self.reserved.difference_update(inputs)

    def sent(self, tx: Transaction) -> None:
        """Our payment was accepted by the pool: its change may be built upon."""
        self.reserved.update(p for p in tx.body.inputs if p in self.coins or p in self.pending)
        for index, output in enumerate(tx.body.outputs):
            if self.place(output.lock) is not None:
                coin = Coin(output.asset, output.amount, output.lock, self.height + 1, 0, 1, b"")
                self.pending[Outpoint(tx.id, index)] = coin

    def dropped(self, tx: Transaction) -> None:
        """Our payment left the pool and no block has it."""
        self.release(tx.body.inputs)
        for index in range(len(tx.body.outputs)):
            self.pending.pop(Outpoint(tx.id, index), None)

    def secrets(self, draft: PartiallySigned) -> Mapping[bytes, bytes]:
        """Our secrets for its inputs, by policy root. Raises `HardenedFromPublic`."""
        places = {coin.lock: self.place(coin.lock) for coin in draft.coins}
        return {
            lock.root: self.account.secret(place)
            for lock, place in places.items()
            if place is not None and isinstance(lock, PolicyLock)
        }

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

    def _discover(self, locks: Iterable[Lock]) -> None:
        """Note which addresses were paid; each one moves the watched window on."""
        roots = {lock.root for lock in locks if isinstance(lock, PolicyLock)}
        found = roots & self._places.keys()
        while found:
            for place in (self._places[root] for root in found):
                self._used[place.change] = max(self._used[place.change], place.index + 1)
            roots -= found
            self._watch()
            found = roots & self._places.keys()

    def _watch(self) -> None:
        for change in (RECEIVE, CHANGE):
            end = self._used[change] + self._gap
            for index in range(self._ends[change], end):
                self._places[self.account.root(Place(change, index))] = Place(change, index)
            self._ends[change] = max(self._ends[change], end)

    def _movements(self, height: int, transactions: Sequence[Transaction]) -> list[HistoryEntry]:
        """The entries of a block not yet applied; what comes and goes within it is seen too."""
        known = {point: (coin.asset, coin.amount) for point, coin in self.coins.items()}
        entries = []
        for tx in transactions:
            sent = [known[point] for point in tx.body.inputs if point in known]
            mine = [i for i, o in enumerate(tx.body.outputs) if self.place(o.lock) is not None]
            received = [(tx.body.outputs[i].asset, tx.body.outputs[i].amount) for i in mine]
            known.update((Outpoint(tx.id, i), r) for i, r in zip(mine, received, strict=True))
            if sent or received:
                entries.append(HistoryEntry(tx.id, height, _sums(received, sent)))
        return entries


def _sums(
    received: Sequence[tuple[bytes, int]], sent: Sequence[tuple[bytes, int]]
) -> tuple[Movement, ...]:
    assets = sorted({asset for asset, _ in (*received, *sent)})
    return tuple(Movement(asset, _sum(received, asset), _sum(sent, asset)) for asset in assets)


def _sum(amounts: Sequence[tuple[bytes, int]], asset: bytes) -> int:
    return sum(amount for other, amount in amounts if other == asset)
