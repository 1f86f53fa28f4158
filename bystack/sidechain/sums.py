"""The reserves law on the sidechain's side: each peg event moves two terms.

vault coins = circulating + fee pool + owed + unclaimed + surplus − deficit, per asset
(federation.md, section 5). What is unclaimed or surplus is read from the main chain.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid
from bystack.sidechain.records import NO_SUMS, Sums, sums_key
from bystack.sidechain.state import SystemState, state_key


class SumExceeded(Invalid):
    """More of an asset would leave the chain than is on it, or come than can be counted."""


def sums_of(state: SystemState, asset: bytes) -> Sums:
    """The sums of an asset."""
    return state.read(Sums, sums_key(asset)) or NO_SUMS


def move(state: SystemState, asset: bytes, **changes: int) -> None:
    """Add to the named terms; raises `SumExceeded`.

    Amounts are a stranger's here: a burn moves its sums before its coins are looked at.
    """
    sums = sums_of(state, asset)
    values = {name: getattr(sums, name) + change for name, change in changes.items()}
    for name, value in values.items():
        if not 0 <= value <= MAX_INT:
            raise SumExceeded(asset=asset, term=name, sum=value)
    state.write(sums_key(asset), msgspec.structs.replace(sums, **values))


def retire(state: SystemState, asset: bytes, amount: int) -> None:
    """An amount was paid to nobody: it circulates no more, and nobody can ask for its backing."""
    move(state, asset, circulating=-amount)
    state.write(retired_key(asset), retired(state, asset) + amount)


def retired(state: SystemState, asset: bytes) -> int:
    """How much of an asset was paid to nobody on this sidechain."""
    return state.number(retired_key(asset))


def retired_key(asset: bytes) -> bytes:
    """Where the state keeps what was paid to nobody."""
    return state_key("retired", asset)


def has_deficit(state: SystemState, assets: Iterable[bytes]) -> bool:
    """True if any of the assets lacks backing."""
    return any(sums_of(state, asset).deficit for asset in assets)


def unshared_key(asset: bytes) -> bytes:
    """Where the state keeps the transaction fees of an asset that are not shared yet."""
    return state_key("unshared", asset)


def reserved_key(asset: bytes) -> bytes:
    """Where the state keeps the peg fees that waiting requests and open batches may still need."""
    return state_key("reserved", asset)


def spare_fees(state: SystemState, asset: bytes) -> int:
    """The pegs' own fees that neither a refund nor a sponsor can ask for any more."""
    return max(0, peg_fees(state, asset) - state.number(reserved_key(asset)))


def peg_fees(state: SystemState, asset: bytes) -> int:
    """What the pool holds of the pegs' own fees: sponsors and refunds are paid of these alone."""
    return max(0, sums_of(state, asset).pool - state.number(unshared_key(asset)))
