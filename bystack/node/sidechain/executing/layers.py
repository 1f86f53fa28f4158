"""Views that lie over others: what a block reads that follows one which is not in the store yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bystack.ledger.coins import Coin, CoinView, Delta
from bystack.ledger.transactions import Outpoint


class Entries(Protocol):
    """A read-only map of byte strings."""

    def get(self, key: bytes, /) -> bytes | None:
        """The value at a key, or None."""


class Prefetched:
    """Coins read beforehand, all at once, over the view they come from."""

    def __init__(self, coins: Mapping[Outpoint, Coin], base: CoinView) -> None:
        self._coins, self._base = coins, base

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        """The coin, or None when there is none."""
        return self._coins.get(outpoint) or self._base.get(outpoint)


class LayeredCoins:
    """Coins after a change that no store has made."""

    def __init__(self, base: CoinView, delta: Delta) -> None:
        self._base, self._delta = base, delta

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        """The coin, or None when there is none."""
        made = self._delta.created.get(outpoint)
        if made is not None or outpoint in self._delta.spent:
            return made
        return self._base.get(outpoint)


class LayeredEntries:
    """Entries after changes that no store has made; None stands for one that is gone."""

    def __init__(self, base: Entries, changes: Mapping[bytes, bytes | None]) -> None:
        self._base, self._changes = base, changes

    def get(self, key: bytes, /) -> bytes | None:
        """The value at a key, or None."""
        return self._changes[key] if key in self._changes else self._base.get(key)
