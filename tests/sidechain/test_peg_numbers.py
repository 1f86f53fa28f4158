"""The pegs' numbers: a fall at once, a rise when the epoch turns, at most twofold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain import peg_numbers
from bystack.sidechain.burns import BurnBelowMinimum
from bystack.sidechain.claims import ClaimLimit, ClaimOutput, DepositBelowMinimum
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.params import Consensus
from bystack.sidechain.peg_numbers import (
    PegNumbers,
    PegNumbersInvalid,
    PegNumbersLeap,
    begin,
    decide,
    decided,
    first_numbers,
    in_force,
    turn,
)
from bystack.sidechain.state import SystemState
from tests.sidechain.decrees import decreed
from tests.sidechain.mainside import GOLD, vault_chain
from tests.sidechain.world import K, Store, asset, genesis_for

GENESIS = genesis_for(
    vault_chain(), assets=(asset("BTM", BTM), asset("GOLD", GOLD, unit=2, pegout_fee=0))
)
FIRST = first_numbers(GENESIS)
EPOCH = Consensus("bbft", "fixed", 500, 5000, 1500, 1, 0, 40, 4, 1)


def begun() -> SystemState:
    state = SystemState(Store())
    begin(state, GENESIS)
    return state


def changed(numbers: PegNumbers, number: int = 0, **fields: Any) -> PegNumbers:
    """One asset's numbers others; `pegin_bp` and `pegout_bp` are the chain's."""
    own = {name: fields.pop(name) for name in ("pegin_bp", "pegout_bp") if name in fields}
    assets = list(numbers.assets)
    assets[number] = replace(assets[number], **fields)
    return replace(numbers, assets=tuple(assets), **own)


def test_they_begin_as_the_genesis_says() -> None:
    state = begun()
    assert in_force(state) == FIRST and decided(state) is None
    assert FIRST.of(GOLD).pegin_limit == 20_000
    with pytest.raises(Misuse):
        in_force(SystemState(Store()))
    with pytest.raises(Misuse):
        FIRST.of(b"\x01" * 32)


@pytest.mark.parametrize("field", ["pegin_limit", "pegin_minimum", "pegout_minimum", "pegout_fee"])
def test_a_fall_holds_at_once_and_a_rise_when_the_epoch_turns(field: str) -> None:
    state, old = begun(), getattr(FIRST.assets[0], field)
    lower = changed(FIRST, **{field: old - 1})
    decide(state, GENESIS, lower)
    assert in_force(state) == lower and decided(state) is None
    higher = changed(lower, **{field: 2 * (old - 1)})
    decide(state, GENESIS, higher)
    assert in_force(state) == lower and decided(state) == higher
    turn(state)
    assert in_force(state) == higher and decided(state) is None
    turn(state)
    assert in_force(state) == higher


def test_a_later_decision_takes_the_place_of_one_that_waits() -> None:
    state = begun()
    decide(state, GENESIS, changed(FIRST, pegin_limit=40_000))
    mixed = changed(FIRST, pegin_limit=30_000, pegout_bp=100)
    decide(state, GENESIS, mixed)
    assert in_force(state) == changed(FIRST, pegout_bp=100) and decided(state) == mixed
    decide(state, GENESIS, in_force(state))
    assert decided(state) is None


LEAPS = [
    {"pegin_limit": 40_001}, {"pegin_minimum": 21}, {"pegout_minimum": 21}, {"pegout_fee": 9},
    {"pegin_bp": 201}, {"pegout_bp": 401}, {"number": 1, "pegout_fee": 2},
]  # fmt: skip
WRONG = [
    {"pegin_limit": 0}, {"pegin_minimum": 0}, {"pegout_minimum": 0}, {"pegin_bp": 10_000},
    {"number": 1, "pegout_fee": 1}, {"number": 1, "asset": BTM},
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "fields"),
    [*((PegNumbersLeap, one) for one in LEAPS), *((PegNumbersInvalid, one) for one in WRONG)],
)
def test_what_no_decision_may_say(error: type[Invalid], fields: dict[str, Any]) -> None:
    state = begun()
    before = dict(state.changes)
    with pytest.raises(error):
        decide(state, GENESIS, changed(FIRST, **fields))
    assert state.changes == before


def test_a_fee_that_was_nothing_can_begin() -> None:
    state = begun()
    decide(state, GENESIS, changed(FIRST, pegin_bp=0, pegout_fee=0))
    first = in_force(state)
    assert first.pegin_bp == first.assets[0].pegout_fee == 0
    decide(state, GENESIS, changed(first, pegin_bp=10, pegout_fee=1))
    for over in ({"pegin_bp": 11}, {"pegout_fee": 2}):
        with pytest.raises(PegNumbersLeap):
            decide(state, GENESIS, changed(first, **over))


def test_other_assets_or_another_order_are_refused() -> None:
    state = begun()
    for assets in (FIRST.assets[:1], FIRST.assets[::-1], FIRST.assets * 2):
        with pytest.raises(PegNumbersInvalid):
            decide(state, GENESIS, replace(FIRST, assets=assets))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**6), st.booleans()), max_size=12))
def test_a_limit_never_more_than_doubles_in_an_epoch(wishes: list[tuple[int, bool]]) -> None:
    state = begun()
    least = held = FIRST.assets[0].pegin_limit
    for wish, turns in wishes:
        try:
            decide(state, GENESIS, changed(in_force(state), pegin_limit=wish))
        except PegNumbersLeap:
            assert wish > 2 * in_force(state).assets[0].pegin_limit
        now = in_force(state).assets[0].pegin_limit
        assert now <= held
        least = held = now
        if turns:
            turn(state)
            held = in_force(state).assets[0].pegin_limit
            assert held <= 2 * least


def test_claims_and_burns_go_by_what_is_in_force() -> None:
    made = decreed(consensus=EPOCH)
    world = made.world
    first = first_numbers(world.genesis)
    paid = world.deposit(600)
    world.relay(2 * K)
    old = world.claim_tx(paid)
    made.decide(pegs=(changed(first, pegin_limit=599, pegin_bp=50),))
    with pytest.raises(ClaimOutput):  # written for the old fee
        world.block(old)
    with pytest.raises(ClaimLimit):
        world.block(_claim(world, paid, 50))
    now = changed(first, pegin_limit=599, pegin_bp=50, pegin_minimum=20, pegout_minimum=20)
    made.decide(pegs=(now,))
    small = world.deposit(15)
    world.relay(K)
    world.block(_claim(world, small, 50))  # the rise waits for the epoch
    world.burn(15)
    other = world.deposit(16)
    world.relay(K)
    while world.side.header.epoch == 0:
        world.idle()
    assert in_force(world.view) == now
    with pytest.raises(DepositBelowMinimum):
        world.block(_claim(world, other, 50))
    with pytest.raises(BurnBelowMinimum):
        world.burn(19)
    assert isinstance(world.genesis.validator_set, ValidatorSet)


def _claim(world: Any, paid: Any, points: int) -> Any:
    claim = world.claim_tx(paid)
    amount = paid.body.outputs[0].amount
    output = replace(claim.body.outputs[0], amount=amount - amount * points // 10_000)
    return replace(claim, body=replace(claim.body, outputs=(output,)))


def test_the_names_are_those_of_the_genesis() -> None:
    fields = set(peg_numbers.AssetNumbers.__struct_fields__) - {"asset"}
    assert fields <= set(type(GENESIS.assets[0]).__struct_fields__)
