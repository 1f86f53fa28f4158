"""K18: a scanner that is behind the tip raises a false alarm and stops a healthy federation.

A guard says nothing, and freezes nothing, before its own node shows both chains as they are; what
its sidechain has not shown yet is not yet false.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bystack.federation.guarding.alarms import ActKind, Kind
from bystack.federation.guarding.machine import Rules
from bystack.sidechain.stops import Stop
from tests.federation.guarding.test_machine import owing, rob, tower
from tests.federation.guarding.tower import Tower, paid

HARMLESS = {Kind.BLIND, Kind.SILENT}


def quiet(one: Tower) -> bool:
    return set(one.alarms) <= HARMLESS and one.acts == []


def test_nothing_while_the_main_chain_syncs() -> None:
    one = tower()
    one.caught_up = False
    one.clock()
    rob(one)
    one.final(600, sums=owing(10**9))
    one.later()
    assert quiet(one) and one.machine.open == 1
    one.batch(0, [paid(900)])
    one.final(sums=owing(4_100))
    one.caught_up = True
    one.later()
    assert quiet(one) and one.machine.open == 0


def test_nothing_while_the_follower_is_behind() -> None:
    """Final blocks come, but of an hour ago: the batch is in one still to come."""
    one = tower()
    rob(one)
    for _ in range(20):
        view = one.machine.view
        assert view is not None
        one.side["height"] += 1
        one.now += 1_000
        behind: Any = {**one.side, "time": one.now - 3_600_000, "batches": {0: None}}
        one.outputs += one.machine.viewed(type(view)(**behind, relay_height=1), one.now)
        one.clock()
    assert quiet(one) and one.machine.open == 1
    one.batch(0, [paid(900)])
    one.later()
    assert quiet(one) and one.machine.open == 0


def test_a_stop_in_old_blocks_is_answered_at_the_present_only() -> None:
    """Equivocation that a quorum forgave long ago freezes nothing; one that stands still does."""
    for stands in (False, True):
        one = tower(Rules(frozenset(ActKind)))
        view = one.machine.view
        assert view is not None
        stopped = replace(view, time=one.now - 3_600_000, stops=Stop.EQUIVOCATION)
        for height in range(20):
            one.now += 1_000
            behind = replace(stopped, height=view.height + 1 + height)
            one.outputs += one.machine.viewed(behind, one.now)
            one.clock()
        assert set(one.alarms) <= HARMLESS | {Kind.STOPPED} and one.acts == []
        one.side["height"] += 20
        one.final(stops=Stop.EQUIVOCATION if stands else Stop(0))
        assert [act.kind for act in one.acts] == [ActKind.FREEZE] * stands


@pytest.mark.parametrize("cut", ["no peers", "no answer"])
def test_nothing_while_the_follower_is_cut_off(cut: str) -> None:
    one = tower()
    rob(one)
    for _ in range(10):
        one.main.mine()
        one.blocks()
        if cut == "no peers":
            one.idle(100, peers=0)
        else:
            one.clock(100)
    assert one.alarms == [Kind.BLIND] and one.acts == []


def test_a_whole_history_read_late_raises_nothing_about_what_was_backed() -> None:
    one = Tower()
    one.fund()
    for seq in range(3):
        one.main.mine()
        one.main.mine()
        one.main.send(one.main.order([paid(300)]))
        one.batch(seq, [paid(300)])
    one.blocks()
    one.clock()
    one.final()
    one.later()
    assert quiet(one) and one.machine.open == 0
