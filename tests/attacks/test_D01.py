"""D01 time warp: miners who lie about the time. The whole gain is two blocks, once and for ever.

The schedule is absolute: what counts is the last stamp against genesis + height x spacing, so a lie
is worth its own length and is paid back by the next true stamp. The median rule bounds it below,
the clock of every honest node (+300 s) above. No order of stamps, repeated for ever, gains more.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bystack.mainchain.chain import (
    HeaderTarget,
    HeaderTimeAhead,
    HeaderTimeOld,
    genesis_entry,
    median_time,
    next_target,
)
from bystack.mainchain.params import MAIN
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import target_of
from tests.mainchain.builders import MOVING, child, entries_after, headers_after, remine
from tests.simulation.hashing import DAY, NETWORK, Simulation, Stamp, by_time, honest

SEEDS = 8
GAIN = NETWORK.tolerance / NETWORK.spacing


def least(sim: Simulation) -> int:
    return sorted(sim.stamps)[len(sim.stamps) // 2] + 1


def most(sim: Simulation) -> int:
    return int(sim.now) + NETWORK.tolerance


def every(period: int, one: Stamp, others: Stamp) -> Stamp:
    """One stamp at each `period`-th height, another at the rest: the shape of Bitcoin's warp."""
    return lambda sim: (others if (sim.tip.header.height + 1) % period else one)(sim)


LIES: dict[str, Stamp] = {
    "always ahead": most,
    "always as old as allowed": least,
    "old, then one far ahead": every(11, most, least),
    "ahead, then one old": every(6, least, most),
    "by turns": every(2, most, least),
    "once in a day": every(576, most, honest),
}


def blocks(stamp: Stamp) -> float:
    """Mean number of blocks of two days of a constant hash rate."""
    runs = (Simulation(by_time((0, 1)), seed, stamp=stamp).run(2 * DAY) for seed in range(SEEDS))
    return sum(len(run.times) for run in runs) / SEEDS


@pytest.mark.parametrize("stamp", LIES.values(), ids=LIES)
def test_d01_no_lie_gains_more_than_two_blocks(stamp: Stamp) -> None:
    """Of 1,152, all miners lying; the same luck for liars and honest."""
    assert GAIN == 2
    assert blocks(stamp) <= blocks(honest) + GAIN + 0.5


def test_d01_a_stamp_ahead_eases_the_next_block_by_three_per_cent_at_most() -> None:
    root = genesis_entry(NETWORK)
    late = replace(root, header=replace(root.header, time=root.header.time + NETWORK.tolerance))
    eased = target_of(next_target(late, NETWORK)) / target_of(next_target(root, NETWORK))
    assert 1 < eased < 1.03
    assert MAIN.tolerance == 300 and MAIN.half_life == 7_200


Forge = Callable[[int, int], int]


@pytest.mark.parametrize(
    ("stamp", "rule"),
    [
        (lambda median, now: median, HeaderTimeOld),
        (lambda median, now: 0, HeaderTimeOld),
        (lambda median, now: now + MOVING.tolerance + 1, HeaderTimeAhead),
        (lambda median, now: 2**63 - 1, HeaderTimeAhead),
    ],
)
def test_d01_other_stamps_are_refused_and_change_nothing(stamp: Forge, rule: type) -> None:
    root = genesis_entry(MOVING)
    entries = [root, *entries_after(root, headers_after(root, 20, MOVING), MOVING)]
    tree, parent = HeaderTree(entries, MOVING), entries[-1]
    now = parent.header.time
    good = child(parent, time=median_time(parent) + 1, params=MOVING).header
    bad = remine(replace(good, time=stamp(median_time(parent), now)), parent)
    with pytest.raises(rule):
        tree.add([bad], now)
    assert tree.tip() == parent.id and tree.entry(bad.id) is None
    assert tree.add([good], now).new_tip == good.id


def test_d01_the_target_is_the_parents_word_not_the_headers() -> None:
    """A header cannot choose its own target by its own time: only its children's."""
    root = genesis_entry(MOVING)
    entries = [root, *entries_after(root, headers_after(root, 30, MOVING), MOVING)]
    tree, parent = HeaderTree(entries, MOVING), entries[-1]
    easier = replace(child(parent, params=MOVING).header, target=MOVING.target_limit)
    assert easier.target != next_target(parent, MOVING)
    with pytest.raises(HeaderTarget):
        tree.add([remine(easier, parent)], None)
