"""Plans, blocks at hand, and how much goes into one switch."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.mainchain import switching as rules
from bystack.mainchain.chain import Entry, HeaderView, genesis_entry, path
from bystack.mainchain.events import Switch
from bystack.mainchain.switching import Switching
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Misuse
from tests.mainchain.builders import EASY, headers_after

ROOT = genesis_entry(EASY)
LEFT = headers_after(ROOT, 6)
RIGHT = headers_after(ROOT, 20, step=2)
LEFT_IDS = tuple(header.id for header in LEFT)
IDS = tuple(header.id for header in RIGHT)


def planned(upto: int = 20, connected: bytes = LEFT_IDS[-1]) -> Switching:
    """At the end of the left branch, on the way to a block of the right one."""
    tree = HeaderTree([ROOT], EASY)
    tree.add(LEFT, None)
    tree.add(RIGHT, None)
    plan = Switching(tree, connected, [])
    assert plan.plan(plan.entry(IDS[upto - 1]))
    return plan


def test_a_plan_knows_its_heights_and_what_it_promises() -> None:
    plan = planned(12)
    assert (plan.next, plan.lacking, plan.last, plan.gain) == (1, 1, 12, 7)
    assert plan.goal == IDS[11] and plan.at(12) == IDS[11] and plan.at(13) is None
    assert plan.transactions == 12 and plan.ahead == 0
    assert not plan.plan(plan.entry(IDS[19]))  # the same way, further
    assert (plan.last, plan.transactions, plan.gain) == (20, 20, 7)
    plan.keep(IDS[1], 300)
    plan.keep(IDS[1], 900)  # known already
    assert (plan.lacking, plan.ahead) == (1, 300)
    plan.keep(IDS[0], 200)
    assert (plan.lacking, plan.ahead) == (3, 500)
    plan.forget()
    assert not plan.planned and plan.goal is None and plan.ahead == 0


def test_a_switch_comes_when_work_is_gained_and_the_rest_follows() -> None:
    plan = planned()
    for id in IDS[:6]:
        plan.keep(id, 100)
    assert plan.advance() == []  # no more work than the tip has
    plan.keep(IDS[6], 100)
    assert plan.advance() == [Switch(tuple(reversed(LEFT_IDS)), IDS[:7])]
    assert plan.busy and plan.advance() == []
    plan.keep(IDS[7], 100)
    plan.switched()
    assert (plan.next, plan.ahead, plan.transactions, plan.tip.id) == (8, 100, 13, IDS[6])
    assert plan.advance() == [Switch((), IDS[7:8])]
    assert all(plan.at_hand(id) for id in LEFT_IDS) and not plan.at_hand(IDS[0])


@pytest.mark.parametrize(("count", "size"), [(3, 10**6), (10**6, 350)])
def test_a_switch_is_bounded_in_number_and_bytes(
    monkeypatch: pytest.MonkeyPatch, count: int, size: int
) -> None:
    monkeypatch.setattr(rules, "BATCH", count)
    monkeypatch.setattr(rules, "BATCH_BYTES", size)
    plan = planned(connected=ROOT.id)
    for id in IDS:
        plan.keep(id, 100)
    assert plan.advance() == [Switch((), IDS[:3])]
    own = planned(connected=ROOT.id)
    own.forget()
    for id in IDS:
        own.keep(id, 100)
    assert own.heaviest() == IDS[-1] and own.adopt(IDS[-1]) == [Switch((), IDS[:3])]


def test_the_blocks_before_an_invalid_one_may_still_do() -> None:
    plan = planned(connected=ROOT.id)
    for id in IDS[:5]:
        plan.keep(id, 100)
    plan.advance()
    assert plan.refused(IDS[3]) == [Switch((), IDS[:3])]
    assert not plan.planned and not plan.at_hand(IDS[4])
    plan.switched()
    assert plan.tip.id == IDS[2]
    beaten = planned()
    for id in IDS[:8]:
        beaten.keep(id, 100)
    beaten.advance()
    assert beaten.refused(IDS[6]) == [] and beaten.tip.id == LEFT_IDS[-1]


def test_a_switch_beside_the_plan_drops_it() -> None:
    plan = planned(connected=ROOT.id)
    for id in LEFT_IDS:
        plan.keep(id, 100)
    assert plan.adopt(LEFT_IDS[-1]) == [Switch((), LEFT_IDS)]
    plan.switched()
    assert not plan.planned and plan.tip.id == LEFT_IDS[-1]
    with pytest.raises(Misuse):
        plan.switched()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 19), st.booleans()), max_size=30))
def test_a_changed_plan_is_what_a_fresh_one_would_be(steps: list[tuple[int, int, bool]]) -> None:
    """Goals on several branches in turn, blocks coming and being connected in between."""
    tree = HeaderTree([ROOT], EASY)
    tree.add(RIGHT, None)
    lines = [IDS, LEFT_IDS]
    for fork, step in ((0, 3), (8, 5), (16, 7), (19, 9)):
        parent = tree.entry(IDS[fork])
        assert parent is not None
        branch = headers_after(parent, 12, step=step)
        tree.add(branch, None)
        lines.append((*IDS[: fork + 1], *(header.id for header in branch)))
    tree.add(LEFT, None)
    plan = Switching(tree, ROOT.id, [])
    for which, height, moves in steps:
        goal = plan.entry(lines[which][min(height, len(lines[which]) - 1)])
        if goal.work > plan.tip.work and goal.id != plan.goal:
            plan.plan(goal)
            fresh = Switching(tree, plan.tip.id, plan._at_hand)
            fresh._at_hand = plan._at_hand
            fresh.plan(goal)
            assert facts(plan) == facts(fresh)
        if (id := plan.at(plan.lacking)) is not None:
            plan.keep(id, 100 + height)
        if moves and plan.advance():
            plan.switched()


def facts(plan: Switching) -> tuple[object, ...]:
    """Where a plan leads and what of it is done, seen from the tip."""
    way = plan._way[plan._done :]
    sums = (plan.next, plan.lacking, plan.last, plan.gain, plan.ahead, plan.transactions)
    return (way, plan._disconnect, *sums)


def test_what_two_plans_have_in_common_is_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer may change its mind about which branch it gives as often as it likes."""
    plan = planned(connected=ROOT.id)
    walked: list[int] = []

    def counting(view: HeaderView, old: Entry, new: Entry) -> tuple[tuple[bytes, ...], ...]:
        down, up = path(view, old, new)
        walked.append(len(down) + len(up))
        return down, up

    monkeypatch.setattr(rules, "path", counting)
    for _ in range(3):
        assert plan.plan(plan.entry(IDS[17])) and plan.last == 18
        assert not plan.plan(plan.entry(IDS[19])) and plan.last == 20
    assert walked == [0, 2] * 3
