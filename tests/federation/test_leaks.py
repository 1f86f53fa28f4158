"""The bound holds against the greediest thief, and is met by him where it is not zero."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.federation.leaks import By, Stop
from bystack.ledger.amounts import BTM
from tests.attacks.thief import ASSETS, HOARD, NAMES, Theft
from tests.ledger.vault_world import GOLD

ALL = frozenset(NAMES)


def stolen(text: str) -> frozenset[str]:
    return frozenset(text.split())


@settings(max_examples=12, deadline=None)
@given(
    st.frozensets(st.sampled_from(NAMES)),
    st.integers(0, 20),
    st.integers(1, 30),
    st.booleans(),
    st.booleans(),
)
def test_no_thief_takes_more(
    names: frozenset[str], answer: int, recovery: int, spoiled: bool, racing: bool
) -> None:
    theft = Theft(names, answer, max(answer, recovery), spoiled, racing)
    bound, taken = theft.bound, theft.run(160)
    for asset in ASSETS:
        for most in (bound.loss(asset, 160, waiting=True), bound.total(asset)):
            assert most is None or taken[asset] <= most


def test_a_stolen_quorum_takes_exactly_a_bucket_and_its_refills() -> None:
    theft = Theft(stolen("op"), answer=10, recovery=15)
    assert theft.bound.answered == 10
    assert theft.run(200)[BTM] == theft.bound.total(BTM) == 100 + 2 * 10
    assert theft.loss(GOLD) == 50 <= (theft.bound.total(GOLD) or 0) == 100


def test_without_a_guard_recovery_ends_it_later() -> None:
    theft = Theft(stolen("op g1 g2"), answer=5, recovery=40)
    # Recovery with govern would do; govern is the thief's as soon as he has a super too.
    assert theft.bound.answered is None and theft.bound.total(BTM) is None
    assert theft.bound.loss(BTM, 40) == 100 + 8 * 10


def test_who_holds_recovery_and_a_guard_has_everything_at_once() -> None:
    theft = Theft(stolen("r1 r2 g1"))
    (way,) = theft.bound.ways
    assert way.by == By.REPLACE and way.wait == 1 and way.answers == ()
    assert theft.bound.total(BTM) is None
    assert theft.run(1)[BTM] == HOARD


def test_large_payouts_are_vetoed_unless_the_guard_sleeps_for_the_delay() -> None:
    awake, asleep = (Theft(stolen("op s1 s2"), answer, 1000) for answer in (143, 144))
    assert [w.prevented for w in awake.bound.ways if w.tier == 2] == [True]
    assert [w.prevented for w in asleep.bound.ways if w.tier == 2] == [False]
    (large,) = [way for way in asleep.bound.ways if way.tier == 2]
    assert large.loss(BTM, 143) == 0 and large.loss(BTM, 144) is None
    assert asleep.run(144)[BTM] == HOARD


def test_an_announcement_is_cancelled_unless_the_guard_sleeps_for_its_delay() -> None:
    awake, asleep = (Theft(stolen("op s1"), answer, 1000) for answer in (49, 50))
    (way,) = [way for way in awake.bound.ways if way.by == By.ANNOUNCE]
    assert [answer.stop for answer in way.answers] == [Stop.CANCEL]
    assert awake.bound.loss(BTM, 60) is not None and asleep.bound.loss(BTM, 60) is None
    assert asleep.run(52)[BTM] == HOARD


def test_recovery_alone_is_kept_away_by_whoever_can_touch() -> None:
    (way,) = Theft(stolen("r1 r2")).bound.ways
    assert way.by == By.RECOVER and way.prevented
    alone = Theft(stolen("r1 r2 op s1 s2 g1 g2")).bound
    assert not any(way.prevented for way in alone.ways)


@pytest.mark.parametrize("names", ["op s1 g1", "op s1 s2 g1"])
def test_who_raises_the_turn_in_every_block_gains_no_block(names: str) -> None:
    """Recovery signed once, when the theft began: it ends it in the block that was promised."""
    theft = Theft(stolen(names), answer=3, recovery=15, spoiled=True, racing=True)
    assert theft.bound.answered == 15
    assert theft.run(150)[BTM] == theft.bound.total(BTM) == 100 + 3 * 10
    assert theft.rescued and theft.world.state.turn > 15


def test_a_freeze_of_a_stolen_guard_key_outruns_one_cancellation() -> None:
    """So the answer must come a block sooner: signed for one turn, it is signed again."""
    for names, answer, prevented in (
        ("op s1 g1", 48, True),
        ("op s1 g1", 49, False),
        ("op s1", 49, True),
    ):
        found = Theft(stolen(names), answer, 1000).bound
        (way,) = [way for way in found.ways if way.by == By.ANNOUNCE]
        assert way.prevented is prevented


def test_a_wasted_freeze_does_not_count() -> None:
    bound = Theft(stolen("op g1"), answer=5, recovery=20).bound
    assert bound.answered == 20  # guard g2 is left, but g1 may have spent the freeze
    assert Theft(stolen("op"), answer=5, recovery=20).bound.answered == 5


@pytest.mark.parametrize("name", sorted(ALL))
def test_one_key_but_operations_moves_nothing(name: str) -> None:
    theft = Theft(stolen(name))
    taken = theft.run(150)
    if name != "op":
        assert set(taken.values()) == {0}
        assert all(theft.bound.total(asset) == 0 for asset in ASSETS)
