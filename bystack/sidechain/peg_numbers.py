"""The pegs' own numbers, which governance may change: fees, minimums, limits, per asset.

Genesis says the first; a module whose governance decides says the next (`Outcome.pegs`). They lie
in the system state and every rule reads them there. What falls, falls at once, so that a limit can
be cut in an emergency; what rises, rises when the epoch turns and at most twofold, so that nobody
is surprised and a slip of a digit opens nothing (federation.md, section 5; issue 5, item 10).
"""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from bystack.primitives.codec import U16, U63, Bytes32, Wire
from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain.params import Asset, Genesis
from bystack.sidechain.state import SystemState, state_key

IN_FORCE: Final = state_key("pegnumbers")
DECIDED: Final = state_key("pegnumbers/next")

LIMITS: Final = ("pegin_limit", "pegin_minimum", "pegout_minimum")
"""What may never be 0: no default value is ever valid (attack P04)."""

BASIS: Final = 10_000
FIRST_POINTS: Final = 10
"""The most basis points a fee that was 0 rises to at once."""

FIRST_PART: Final = 10
"""A flat fee that was 0 rises at most to this part of the least amount burned."""

Numbers = TypeVar("Numbers", "AssetNumbers", "PegNumbers")


class PegNumbersInvalid(Invalid):
    """A number of the pegs is out of its range, or the assets are not the genesis' own."""


class PegNumbersLeap(Invalid):
    """A decision would raise a number of the pegs more than twofold."""


class AssetNumbers(Wire):
    """One asset's numbers, in its smallest units.

    `pegin_limit`: most minted per K relayed headers; `pegout_fee`: flat.
    """

    asset: Bytes32
    pegin_limit: U63
    pegin_minimum: U63
    pegout_minimum: U63
    pegout_fee: U63


class PegNumbers(Wire):
    """`pegin_bp`, `pegout_bp`: fees in basis points; `assets`: as the genesis lists them."""

    pegin_bp: U16
    pegout_bp: U16
    assets: Annotated[tuple[AssetNumbers, ...], Meta(min_length=1, max_length=256)]

    def of(self, asset: bytes) -> AssetNumbers:
        """The numbers of one of the chain's assets."""
        for numbers in self.assets:
            if numbers.asset == asset:
                return numbers
        raise Misuse("an asset without numbers: whoever asks has looked it up in the genesis")


def first_numbers(genesis: Genesis) -> PegNumbers:
    """The numbers a chain begins with."""
    assets = tuple(
        AssetNumbers(a.asset, a.pegin_limit, a.pegin_minimum, a.pegout_minimum, a.pegout_fee)
        for a in genesis.assets
    )
    return PegNumbers(genesis.pegin_bp, genesis.pegout_bp, assets)


def in_force(state: SystemState) -> PegNumbers:
    """The numbers that hold now."""
    found = state.read(PegNumbers, IN_FORCE)
    if found is None:
        raise Misuse("a state without numbers of the pegs: it did not begin by `start`")
    return found


def decided(state: SystemState) -> PegNumbers | None:
    """The numbers from the next epoch on, where governance raised some."""
    return state.read(PegNumbers, DECIDED)


def begin(state: SystemState, genesis: Genesis) -> None:
    """The genesis' numbers; raises `PegNumbersInvalid`."""
    first = first_numbers(genesis)
    check_numbers(genesis, first)
    state.write(IN_FORCE, first)


def decide(state: SystemState, genesis: Genesis, chosen: PegNumbers) -> None:
    """What falls holds at once, what rises from the next epoch on, whatever was decided before.

    Raises `PegNumbersInvalid`, `PegNumbersLeap`; nothing is changed then.
    """
    present = in_force(state)
    check_change(genesis, present, chosen)
    now = _lower(present, chosen)
    if now != present:
        state.write(IN_FORCE, now)
    if chosen != now:
        state.write(DECIDED, chosen)
    elif state.get(DECIDED) is not None:
        state.put(DECIDED, None)


def turn(state: SystemState) -> None:
    """An epoch begins: what was decided is in force."""
    chosen = decided(state)
    if chosen is not None:
        state.write(IN_FORCE, chosen)
        state.put(DECIDED, None)


def check_change(genesis: Genesis, before: PegNumbers, after: PegNumbers) -> None:
    """Refuse a decision that leaps; raises `PegNumbersInvalid`, `PegNumbersLeap`."""
    check_numbers(genesis, after)
    _check_rise(genesis, before, after)


def check_numbers(genesis: Genesis, given: PegNumbers) -> None:
    """Refuse numbers no chain can run on; raises `PegNumbersInvalid`."""
    for name in ("pegin_bp", "pegout_bp"):
        if getattr(given, name) >= BASIS:
            raise PegNumbersInvalid(field=name, given=getattr(given, name), below=BASIS)
    if [one.asset for one in given.assets] != [asset.asset for asset in genesis.assets]:
        raise PegNumbersInvalid(field="assets", reason="not the genesis' assets in their order")
    for asset, numbers in zip(genesis.assets, given.assets, strict=True):
        _check_asset(asset, numbers)


def _check_asset(asset: Asset, given: AssetNumbers) -> None:
    for name in LIMITS:
        if getattr(given, name) == 0:
            raise PegNumbersInvalid(asset=asset.name, field=name, given=0, least=1)
    # A payout that is not in whole units would be an order the main chain refuses for ever.
    if given.pegout_fee % asset.unit:
        raise PegNumbersInvalid(asset=asset.name, field="pegout_fee", unit=asset.unit)
    if given.pegout_fee and not asset.fungible:
        raise PegNumbersInvalid(asset=asset.name, reason="no fee can be split off this asset")


def _check_rise(genesis: Genesis, before: PegNumbers, after: PegNumbers) -> None:
    for name in ("pegin_bp", "pegout_bp"):
        _check_field("", name, before, after, FIRST_POINTS)
    for asset, old, new in zip(genesis.assets, before.assets, after.assets, strict=True):
        for name in LIMITS:
            _check_field(asset.name, name, old, new, 0)
        _check_field(asset.name, "pegout_fee", old, new, old.pegout_minimum // FIRST_PART)


def _check_field(asset: str, name: str, before: Wire, after: Wire, first: int) -> None:
    old, new = getattr(before, name), getattr(after, name)
    most = 2 * old or first
    if new > most:
        raise PegNumbersLeap(asset=asset, field=name, before=old, after=new, most=most)


def _lower(one: PegNumbers, two: PegNumbers) -> PegNumbers:
    """Of each number the smaller one."""
    pairs = zip(one.assets, two.assets, strict=True)
    assets = tuple(_least(a, b, (*LIMITS, "pegout_fee")) for a, b in pairs)
    lower = _least(one, two, ("pegin_bp", "pegout_bp"))
    return msgspec.structs.replace(lower, assets=assets)


def _least(one: Numbers, two: Numbers, names: tuple[str, ...]) -> Numbers:
    least = {name: min(getattr(one, name), getattr(two, name)) for name in names}
    return msgspec.structs.replace(one, **least)
