"""Coins: unspent outputs with what the chain knows about them, and changes to a set of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from bystack.ledger.transactions import Lock, Outpoint, Output
from bystack.primitives.codec import U63, Bit, Bytes32, Wire, encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import tagged_one

_coin_digest = tagged_one("coin")


class CoinMissing(Invalid):
    """An input names a coin that does not exist or is already spent."""


class CoinExists(Invalid):
    """A transaction would create a coin that already exists."""


class Coin(Wire, gc=False):
    """An unspent output and its context.

    `height` is that of the block that created it, `unit` what its amount is a multiple of,
    `state` is empty but for a vault's anchor and records (see `ledger.vaults`).
    """

    asset: Bytes32
    amount: U63
    lock: Lock
    height: U63
    coinbase: Bit
    unit: U63
    state: bytes

    @property
    def output(self) -> Output:
        """The output this coin is."""
        return Output(self.asset, self.amount, self.lock)


class CoinView(Protocol):
    """A read-only set of coins."""

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        """The coin, or None when there is none."""


class Delta(NamedTuple):
    """A change of a coin set: what disappears and what appears. Outpoints are disjoint keys."""

    spent: Mapping[Outpoint, Coin]
    created: Mapping[Outpoint, Coin]

    def inverse(self) -> Delta:
        """The change that undoes this one."""
        return Delta(self.created, self.spent)


NO_CHANGE = Delta({}, {})


class Overlay:
    """A coin set with changes on top: reads fall through to the base."""

    def __init__(self, base: CoinView) -> None:
        self._base = base
        self._spent: dict[Outpoint, Coin] = {}
        self._created: dict[Outpoint, Coin] = {}

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        """The coin as of all changes applied."""
        if outpoint in self._created:
            return self._created[outpoint]
        return None if outpoint in self._spent else self._base.get(outpoint)

    def apply(self, delta: Delta) -> None:
        """Put a change on top; one that does not fit is our own mistake."""
        created, spent, base = self._created, self._spent, self._base.get
        for outpoint, coin in delta.spent.items():
            if created.pop(outpoint, None) is None:
                if outpoint in spent or base(outpoint) is None:
                    raise Misuse(f"coin {outpoint} is not there")
                spent[outpoint] = coin
        for outpoint, coin in delta.created.items():
            # A record that is replaced in place (asset registration) is spent and created again.
            if outpoint in created or (outpoint not in spent and base(outpoint) is not None):
                raise Misuse(f"coin {outpoint} exists")
            created[outpoint] = coin

    def move(self, place: Outpoint, coin: Coin, made: Mapping[Outpoint, Coin]) -> None:
        """Spend a coin just read here, create those of the transaction that does so.

        As `apply`, for a payment: its inputs were looked up, and as its id names them, what it
        makes cannot be there already.
        """
        if self._created.pop(place, None) is None:
            self._spent[place] = coin
        self._created.update(made)

    def stand_on(self, base: CoinView) -> None:
        """Read from another base, which holds the same coins."""
        self._base = base

    def delta(self) -> Delta:
        """Everything since the base, in one change."""
        return Delta(dict(self._spent), dict(self._created))


class CoinSet(dict[Outpoint, Coin]):
    """A coin set that changes are made to, read at a dictionary's speed; knows what changed."""

    def __init__(self, coins: Mapping[Outpoint, Coin]) -> None:
        super().__init__(coins)
        self._begin()

    def _begin(self) -> None:
        self._spent: dict[Outpoint, Coin] = {}
        self._created: dict[Outpoint, Coin] = {}

    def apply(self, delta: Delta) -> None:
        """Make a change; one that does not fit is our own mistake."""
        created, spent = self._created, self._spent
        for outpoint, coin in delta.spent.items():
            if self.pop(outpoint, None) is None:
                raise Misuse(f"coin {outpoint} is not there")
            if created.pop(outpoint, None) is None:
                spent[outpoint] = coin
        for outpoint, coin in delta.created.items():
            if outpoint in self:
                raise Misuse(f"coin {outpoint} exists")
            self[outpoint] = created[outpoint] = coin

    def delta(self) -> Delta:
        """Everything since the beginning or the last call, in one change."""
        delta = Delta(self._spent, self._created)
        self._begin()
        return delta


def coin_digest(outpoint: Outpoint, coin: Coin) -> bytes:
    """What a signature commits to of a spent coin: outpoint, asset, amount, lock."""
    return _coin_digest(encode((outpoint, coin.asset, coin.amount, coin.lock)))
