"""What a relayer keeps of the main chain between two runs: what concerned its sidechain.

Everything here is read from blocks and could be read again; kept, a restart reads what is new.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

from msgspec import Meta

from bystack.ledger.transactions import DepositLock, Outpoint, Output
from bystack.primitives.codec import U32, U63, Bytes32, Wire

MAX_RELAYED: Final = 256_000_000
"""Bytes: about a million deposits. Beyond that nothing is kept, and a start reads it all."""

MAX_KNOWN: Final = 200


class ChainPlace(Wire):
    """A block of the main chain."""

    height: U63
    id: Bytes32


class Deposit(Wire):
    """A deposit for this sidechain on the best chain. `depth`: headers it must lie under."""

    transaction: Bytes32
    index: U32
    output: Output
    depth: U32

    @property
    def outpoint(self) -> Outpoint:
        """Where it lies."""
        return Outpoint(self.transaction, self.index)

    @property
    def recipient(self) -> bytes:
        """The policy root its note names; zeros for a donation."""
        assert isinstance(self.output.lock, DepositLock)
        return self.output.lock.note[32:]


class SpentBy(Wire):
    """A coin and the transaction that spent it; no coin for the creation of the vault."""

    coins: Annotated[tuple[Outpoint, ...], Meta(max_length=1)]
    transaction: Bytes32


class OrderAt(Wire):
    """A seq and the transaction of its order."""

    seq: U63
    transaction: Bytes32


class KeptFound(Wire):
    """What one main-chain block held for this sidechain."""

    height: U63
    id: Bytes32
    deposits: tuple[Deposit, ...]
    anchors: tuple[SpentBy, ...]
    payouts: tuple[SpentBy, ...]
    orders: tuple[OrderAt, ...]


@dataclass
class Found:
    """What one main-chain block holds for this sidechain.

    `anchors` maps the anchor spent to the transaction that spent it, the creation under itself;
    `orders` the seq of an order to its transaction.
    """

    id: bytes
    deposits: list[Deposit] = field(default_factory=list)
    anchors: dict[Outpoint | None, bytes] = field(default_factory=dict)
    payouts: dict[Outpoint, bytes] = field(default_factory=dict)
    orders: dict[int, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.deposits or self.anchors or self.payouts or self.orders)

    def kept(self, height: int) -> KeptFound:
        """The same, to be kept."""
        anchors = ((() if coin is None else (coin,), tx) for coin, tx in self.anchors.items())
        return KeptFound(
            height,
            self.id,
            tuple(self.deposits),
            tuple(SpentBy(*one) for one in anchors),
            tuple(SpentBy((coin,), tx) for coin, tx in self.payouts.items()),
            tuple(OrderAt(*one) for one in self.orders.items()),
        )

    @classmethod
    def of(cls, kept: KeptFound) -> Found:
        """What was kept."""
        return cls(
            kept.id,
            list(kept.deposits),
            {next(iter(one.coins), None): one.transaction for one in kept.anchors},
            {one.coins[0]: one.transaction for one in kept.payouts if one.coins},
            {one.seq: one.transaction for one in kept.orders},
        )


class HeldCoin(Wire):
    """A coin of the vault: `spent` is the height at which it went, nothing while it is there."""

    place: Outpoint
    output: Output
    created: U63
    spent: Annotated[tuple[U63, ...], Meta(max_length=1)]


class Relayed(Wire):
    """All that a relayer read: `known` are the last main-chain blocks, the newest last.

    `chain` is the sidechain's id; `final` how high it stood: what was proved by then is left out,
    so a store that stands lower needs it all again.
    """

    chain: Bytes32
    final: U63
    known: Annotated[tuple[ChainPlace, ...], Meta(max_length=MAX_KNOWN)]
    found: tuple[KeptFound, ...]
    height: U63
    held: tuple[HeldCoin, ...]
