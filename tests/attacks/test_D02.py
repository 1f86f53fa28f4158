"""D02 difficulty at its edges: whatever times and heights a header states, a target is a target.

Bounds: 1 <= target <= the network's limit; no intermediate number above 600 bits; a target is
accepted in its one compact form only; heights end at 2**63 - 1 without a child.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.mainchain import work
from bystack.mainchain.chain import (
    Entry,
    HeaderHeight,
    HeaderTarget,
    check_child,
    genesis_entry,
    next_target,
)
from bystack.mainchain.params import MAIN, ParamsInvalid, check_params
from bystack.mainchain.work import SHA256D, asert, bits_of, target_of
from tests.mainchain.builders import MOVING, child, remine

LAST = 2**63 - 1
ROOT = genesis_entry(MOVING)


def at(height: int, time: int, root: Entry = ROOT) -> Entry:
    """An entry as if the chain had come to this height and time."""
    return replace(root, header=replace(root.header, height=height, time=time))


class Measured(int):
    """An integer that refuses to be shifted beyond what any honest target needs."""

    def __lshift__(self, bits: int) -> int:
        assert bits + self.bit_length() <= 600
        return int(self) << bits

    def __mul__(self, other: int) -> Measured:
        return Measured(int(self) * other)


@pytest.mark.parametrize("late", [-(2**80), -(2**63), -1, 0, 1, 2**24, 2**63, 2**80])
@pytest.mark.parametrize("half_life", [1, 7_200, 2**32 - 1])
def test_d02_no_number_grows_with_a_hostile_time(late: int, half_life: int) -> None:
    for anchor in (1, 2**255, 2**256 - 1):
        for seconds in (late, 257 * half_life, 512 * half_life):
            assert 1 <= asert(Measured(anchor), seconds, half_life, 2**256 - 1) <= 2**256 - 1


@given(st.integers(0, LAST), st.integers(0, LAST))
def test_d02_the_target_of_any_height_and_time_stays_in_its_bounds(height: int, time: int) -> None:
    for params in (MAIN, MOVING):
        bits = next_target(at(height, time), params)
        assert 1 <= target_of(bits) <= target_of(params.target_limit)
        assert bits_of(target_of(bits)) == bits


@pytest.mark.parametrize(
    ("height", "time", "target"),
    [
        (0, LAST, target_of(MAIN.target_limit)),
        (LAST, 0, 1),
        (LAST, LAST, 1),
        (0, 0, 1),
    ],
)
def test_d02_far_off_the_schedule_the_target_is_the_limit_or_one(
    height: int, time: int, target: int
) -> None:
    assert target_of(next_target(at(height, time, genesis_entry(MAIN)), MAIN)) == target


WRONG_BITS = {
    "nothing": 0,
    "negative": 0x1D800001,
    "above 2**256": 0xFF7FFFFF,
    "one number, longer form": 0x1E0000FF,
    "one above the wanted": next_target(ROOT, MOVING) + 1,
    "one below the wanted": next_target(ROOT, MOVING) - 1,
}


@pytest.mark.parametrize("bits", WRONG_BITS.values(), ids=WRONG_BITS)
def test_d02_a_header_with_another_target_is_refused_before_its_work_is_judged(bits: int) -> None:
    class Never:
        def digest(self, id: bytes, seed: bytes, /) -> bytes:
            raise AssertionError("work was judged under a target that the header chose")

    header = replace(child(ROOT, params=MOVING).header, target=bits)
    with pytest.raises(HeaderTarget):
        check_child(ROOT, header, MOVING, None, Never())


def test_d02_the_last_height_has_no_child() -> None:
    last = at(LAST, ROOT.header.time)
    header = child(ROOT, params=MOVING).header
    for height in (0, 1, LAST):
        bad = remine(replace(header, previous=last.id, height=height), ROOT)
        with pytest.raises(HeaderHeight):
            check_child(last, bad, MOVING, None, SHA256D)


@pytest.mark.parametrize(
    "fields",
    [
        {"genesis_target": 0},
        {"target_limit": 0xFF7FFFFF},
        {"genesis_target": MAIN.target_limit + 1},
        {"target_limit": 0x1D80FFFF},
    ],
)
def test_d02_no_network_begins_outside_the_bounds(fields: dict[str, int]) -> None:
    with pytest.raises(ParamsInvalid):
        check_params(replace(MAIN, **fields))


def test_d02_a_target_is_met_by_itself_and_by_nothing_above() -> None:
    target = target_of(0x1B00FFFF)
    assert work.meets(target.to_bytes(32, "big"), target)
    assert not work.meets((target + 1).to_bytes(32, "big"), target)
