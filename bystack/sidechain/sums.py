"""The reserves law on the sidechain's side: each peg event moves two terms.

vault coins = circulating + fee pool + owed + unclaimed + surplus − deficit, per asset
(federation.md, section 5). What is unclaimed or surplus is read from the main chain.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Misuse
from bystack.sidechain.records import NO_SUMS, Sums, sums_key
from bystack.sidechain.state import SystemState


def sums_of(state: SystemState, asset: bytes) -> Sums:
    """The sums of an asset."""
    return state.read(Sums, sums_key(asset)) or NO_SUMS


def move(state: SystemState, asset: bytes, **changes: int) -> None:
    """Add to the named terms; a term below zero would be money from nothing, and is our bug."""
    sums = sums_of(state, asset)
    values = {name: getattr(sums, name) + change for name, change in changes.items()}
    if any(not 0 <= value <= MAX_INT for value in values.values()):
        raise Misuse(f"sums of {asset.hex()} out of range: {values}")
    state.write(sums_key(asset), msgspec.structs.replace(sums, **values))


def has_deficit(state: SystemState, assets: Iterable[bytes]) -> bool:
    """True if any of the assets lacks backing."""
    return any(sums_of(state, asset).deficit for asset in assets)
