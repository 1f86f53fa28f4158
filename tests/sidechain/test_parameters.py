"""Parameters: what no chain can run on is refused, a decision does not leap, epochs apply it."""

from __future__ import annotations

import pytest

from bystack.primitives.codec import encode
from bystack.primitives.errors import Misuse
from bystack.sidechain import parameters
from bystack.sidechain.parameters import (
    MAX_PARAMETERS,
    MOST,
    Parameters,
    ParametersInvalid,
    ParametersLeap,
    changed,
    check_change,
    check_parameters,
)
from bystack.sidechain.state import SystemState

FIRST = Parameters(1, 500, 5_000, 1_500, 1, 0, 1_200, 40, 6_000_000)
LARGEST = Parameters(2**32 - 1, *(2**32 - 1,) * 4, 2**16 - 1, *(2**32 - 1,) * 3)


class Empty:
    def get(self, key: bytes, /) -> bytes | None:
        return None


def begun() -> SystemState:
    state = SystemState(Empty())
    parameters.begin(state, FIRST)
    return state


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 0},
        {"interval": 0},
        {"empty_interval": 0},
        {"timeout": 0},
        {"blocks_per_leader": 0},
        {"epoch": 1, "freeze": 1},
        {"freeze": 0},
        {"freeze": 1_200},
        {"block_bytes": 0},
        {"empty_interval": 499},
        *({field: most + 1} for field, most in MOST.items()),
    ],
)
def test_what_no_chain_can_run_on_is_refused(wrong: dict[str, int]) -> None:
    check_parameters(FIRST)
    with pytest.raises(ParametersInvalid):
        check_parameters(changed(FIRST, wrong))


@pytest.mark.parametrize("field", parameters.TWOFOLD)
def test_a_decision_changes_a_number_at_most_twofold(field: str) -> None:
    before = changed(FIRST, {"block_bytes": 3_000_000})
    value = getattr(before, field)
    check_change(before, changed(before, {field: 2 * value}))
    check_change(before, changed(before, {field: -(-value // 2)}))
    for leap in (2 * value + 1, value // 2 - 1):
        with pytest.raises((ParametersLeap, ParametersInvalid)):
            check_change(before, changed(before, {field: leap}))


def test_the_version_goes_on_by_one_and_never_back() -> None:
    two = changed(FIRST, {"version": 2})
    check_change(FIRST, two)
    for before, after in ((FIRST, changed(FIRST, {"version": 3})), (two, FIRST)):
        with pytest.raises(ParametersLeap):
            check_change(before, after)


@pytest.mark.parametrize(
    "changes", [{"speed": 1}, {"interval": -1}, {"interval": 2**32}, {"interval": True}]
)
def test_changes_name_numbers_there_are(changes: dict[str, int]) -> None:
    with pytest.raises(ParametersInvalid):
        changed(FIRST, changes)


def test_a_decision_holds_from_the_next_epoch_on() -> None:
    state = begun()
    chosen = changed(FIRST, {"interval": 400})
    parameters.decide(state, chosen)
    assert parameters.in_force(state) == FIRST
    assert parameters.decided(state) == chosen
    parameters.turn(state)
    assert parameters.in_force(state) == chosen
    assert parameters.decided(state) is None
    parameters.turn(state)
    assert parameters.in_force(state) == chosen


def test_a_decision_is_measured_by_what_is_in_force() -> None:
    state = begun()
    parameters.decide(state, changed(FIRST, {"interval": 1_000}))
    with pytest.raises(ParametersLeap):
        parameters.decide(state, changed(FIRST, {"interval": 2_000}))


def test_a_state_without_parameters_is_our_own_mistake() -> None:
    with pytest.raises(Misuse):
        parameters.in_force(SystemState(Empty()))


def test_the_largest_fit() -> None:
    assert len(encode(LARGEST)) <= MAX_PARAMETERS
