"""Topology: who is whose gateway; every set, every number of gateways, every demotion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.sidechain.consensus.topology import (
    base_gateways,
    gateway_count,
    grouped,
    star,
    topology,
)

NONE: frozenset[int] = frozenset()
SEED = (5).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("size", "count"), [(1, 1), (4, 1), (10, 1), (11, 3), (31, 6), (100, 10), (200, 14), (400, 20)]
)
def test_the_default_is_a_star_up_to_ten_and_the_root_above(size: int, count: int) -> None:
    assert gateway_count(size) == count


@pytest.mark.parametrize(("wanted", "count"), [(1, 1), (3, 3), (7, 7), (400, 7)])
def test_the_number_of_gateways_is_configured_up_to_all(wanted: int, count: int) -> None:
    assert gateway_count(7, wanted) == count


SIZES = st.integers(1, 60) | st.integers(95, 130) | st.integers(390, 400)


@given(SIZES, st.integers(0, 400), st.binary(min_size=32, max_size=32))
def test_everyone_is_under_one_gateway(size: int, wanted: int, seed: bytes) -> None:
    paths = topology(size, size // 2, 0, seed, wanted, NONE)
    trees = [paths.subtree(gateway) for gateway in paths.gateways]
    assert len(paths.gateways) == gateway_count(size, wanted)
    assert sorted(i for tree in trees for i in tree) == list(range(size))
    assert max(map(len, trees)) - min(map(len, trees)) <= 1
    for index in range(size):
        assert index in paths.subtree(paths.top(index))
        assert paths.collects(index) == (index in paths.gateways or index in paths.below)
        assert all(paths.above[child] == index for child in paths.below.get(index, ()))


@given(st.integers(101, 400))
def test_groups_of_large_sets_nest_once(size: int) -> None:
    paths = topology(size, 0, 0, SEED, 0, NONE)
    depths = {
        i: 0 if i in paths.gateways else 1 + (paths.above[i] in paths.above) for i in range(size)
    }
    assert set(depths.values()) == {0, 1, 2}
    assert max(len(children) for children in paths.below.values()) <= 6


def test_up_to_a_hundred_they_do_not() -> None:
    paths = topology(100, 0, 0, SEED, 0, NONE)
    assert set(paths.below) == set(paths.gateways)


def test_later_views_and_single_gateways_are_stars_at_the_leader() -> None:
    for paths in (
        topology(31, 9, 1, SEED, 0, NONE),
        topology(31, 9, 0, SEED, 1, NONE),
        topology(7, 9 % 7, 0, SEED, 0, NONE),
    ):
        assert paths.star and paths.below[paths.gateways[0]]
        assert paths.gateways[0] in (9, 2)
    assert star(1, 0).below == {}


def test_groups_do_not_depend_on_the_leader_but_on_the_seed() -> None:
    assert topology(31, 9, 0, SEED, 0, NONE) is topology(31, 3, 0, SEED, 0, NONE)
    assert base_gateways(31, SEED, 0) == (5, 6, 7, 8, 9, 10)


def test_demoted_gateways_are_members_of_the_others_groups() -> None:
    paths = topology(31, 0, 0, SEED, 0, frozenset({5, 9}))
    assert paths.gateways == (6, 7, 8, 10)
    assert paths.top(5) in paths.gateways and paths.top(9) in paths.gateways


def test_with_one_gateway_left_the_leader_is_a_star() -> None:
    assert grouped(31, SEED, 3, frozenset({5, 6})) is None
    assert topology(31, 20, 0, SEED, 3, frozenset({5, 6})).gateways == (20,)


def test_as_many_leaders_in_a_row_as_gateways_come_from_all_groups() -> None:
    paths = topology(31, 0, 0, SEED, 5, NONE)
    members = [(10 + step) % 31 for step in range(26)]  # after the gateways, in leading order
    for first in range(20):
        assert len({paths.top(i) for i in members[first : first + 5]}) == 5


def test_the_next_gateway_goes_round() -> None:
    paths = topology(31, 0, 0, SEED, 3, NONE)
    home = paths.top(20)
    turns = [paths.next_gateway(20, turn) for turn in range(4)]
    assert turns[0] == turns[3] == home and set(turns) == {5, 6, 7}
