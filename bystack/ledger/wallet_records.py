"""What a wallet keeps of what happened: transactions in blocks that concern it, coins set aside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U32, U63, Bit, Bytes32, Wire

MAX_ASSETS = 10_000

Sums = Annotated[tuple[tuple[Bytes32, U63], ...], Meta(max_length=MAX_ASSETS)]


class Movement(Wire):
    """What a transaction brought us and took from us of one asset."""

    asset: Bytes32
    received: U63
    sent: U63


class HistoryRecord(Wire):
    """A transaction in a block that concerns us.

    `time` is the block's, in seconds since 1970; `position` its place among the block's that
    concern us. `fees` are known where every input was ours. `reward` marks one that gives out what
    no coin brought in (a coinbase).
    """

    transaction: Bytes32
    height: U63
    position: U32
    time: U63
    reward: Bit
    movements: Annotated[tuple[Movement, ...], Meta(max_length=MAX_ASSETS)]
    fees: Sums


class Reservation(Wire):
    """Why a coin is set aside: for which transaction (its id; zeros: the owner's wish), and whether
    that holds over a restart even when no payment is open that spends it.
    """

    transaction: Bytes32
    kept: Bit


def sums(amounts: Iterable[tuple[bytes, int]]) -> Mapping[bytes, int]:
    """The sum per asset."""
    total: dict[bytes, int] = {}
    for asset, amount in amounts:
        total[asset] = total.get(asset, 0) + amount
    return total


def movements(
    received: Sequence[tuple[bytes, int]], sent: Sequence[tuple[bytes, int]]
) -> tuple[Movement, ...]:
    """What came and went, per asset in ascending order."""
    came, went = sums(received), sums(sent)
    assets = sorted(came.keys() | went.keys())
    return tuple(Movement(asset, came.get(asset, 0), went.get(asset, 0)) for asset in assets)


def fees(
    spent: Iterable[tuple[bytes, int]], paid: Iterable[tuple[bytes, int]]
) -> tuple[tuple[bytes, int], ...]:
    """What of the inputs comes out nowhere, per asset in ascending order."""
    came, went = sums(spent), sums(paid)
    rests = ((asset, came[asset] - went.get(asset, 0)) for asset in sorted(came))
    return tuple((asset, rest) for asset, rest in rests if rest > 0)
