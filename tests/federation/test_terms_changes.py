"""Which terms may follow which: twice as much, half as long, however it is put."""

import pytest
from msgspec.structs import replace

from bystack.federation.terms_changes import (
    DelayFalls,
    LimitsRise,
    RefillRises,
    UnlimitedSooner,
    check_terms_change,
)
from bystack.ledger.amounts import BTM
from bystack.ledger.terms import Limit, Terms, Tier
from tests.ledger.vault_world import GOLD, key, usual_terms

OLD = usual_terms()
FAST, SLOW, LARGE = OLD.tiers
"""At once 100 BTM, 10 more every 5 blocks; after 10 blocks 400; after 144 anything."""


def tiers(*made: Tier) -> Terms:
    return replace(OLD, tiers=made)


def limited(capacity: int, refill: int = 10, period: int = 5, delay: int = 0) -> Tier:
    return Tier(key("op"), (Limit(BTM, capacity, refill, period),), delay)


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (tiers(limited(201), SLOW, LARGE), LimitsRise),
        (tiers(limited(100, 21), SLOW, LARGE), RefillRises),
        (tiers(limited(100, 10, 2), SLOW, LARGE), RefillRises),
        # Two tiers of 150 are one of 300.
        (tiers(limited(150), limited(150), LARGE), LimitsRise),
        # The second tier's payouts may wait half as long, not a third.
        (tiers(FAST, replace(SLOW, delay=4), LARGE), LimitsRise),
        (tiers(SLOW, FAST, replace(LARGE, delay=71)), UnlimitedSooner),
        (replace(OLD, guard=replace(OLD.guard, freeze=9)), DelayFalls),
        (replace(OLD, govern=replace(OLD.govern, delay=24)), DelayFalls),
        (replace(OLD, recover=replace(OLD.recover, idle=249)), DelayFalls),
    ],
)
def test_too_much_at_once_is_refused(new: Terms, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_terms_change(OLD, new)


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        tiers(limited(200, 20), SLOW, LARGE),
        tiers(limited(100, 10, 5), replace(SLOW, delay=5), replace(LARGE, delay=144)),
        tiers(limited(1)),
        # An asset that nobody listed before comes at any amount.
        tiers(replace(FAST, limits=(*FAST.limits, Limit(b"\x0a" * 32, 10**9, 10**9, 1))), LARGE),
        replace(OLD, guard=replace(OLD.guard, policy=key("g1"), freeze=10)),
        tiers(SLOW, FAST, LARGE),
    ],
)
def test_twice_as_much_half_as_long_and_anything_stricter_pass(new: Terms) -> None:
    check_terms_change(OLD, new)


def test_the_first_tier_without_limits_waits_as_long_as_govern() -> None:
    old = replace(tiers(FAST, SLOW), govern=replace(OLD.govern, delay=200))
    check_terms_change(old, replace(old, tiers=(FAST, SLOW, replace(LARGE, delay=200))))
    with pytest.raises(UnlimitedSooner):
        check_terms_change(old, replace(old, tiers=(FAST, SLOW, replace(LARGE, delay=199))))


def test_an_asset_listed_elsewhere_is_no_new_one() -> None:
    more = Limit(GOLD, 101, 50, 40)
    with pytest.raises(LimitsRise):
        check_terms_change(OLD, tiers(replace(FAST, limits=(more,)), SLOW, LARGE))
