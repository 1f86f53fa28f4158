"""What changes between two charters, said as looser or stricter."""

import pytest

from bystack.federation.charter import parse_charter
from bystack.federation.charter_comparing import Way, differences, refusal

from .charters import ASSETS, TRADE

OLD = parse_charter(TRADE)


def changed(before: str, after: str) -> list[tuple[str, Way, str]]:
    new = parse_charter(TRADE.replace(before.encode(), after.encode(), 1))
    return [tuple(one) for one in differences(OLD, new)]


@pytest.mark.parametrize(
    ("before", "after", "where", "way", "said"),
    [
        ('BTC = "100"', 'BTC = "150"', "tier.ordinary.limit.BTC", Way.LOOSER, "at most 150 BTC"),
        ('BTC = "100"', 'BTC = "99"', "tier.ordinary.limit.BTC", Way.STRICTER, "was 100"),
        ('BTM = "200"\n', "", "tier.ordinary.limit.BTM", Way.STRICTER, "nothing BTM"),
        ("window = 576", "window = 288", "tier.ordinary.window", Way.LOOSER, "288 blocks"),
        ("delay = 576", "delay = 600", "tier.large.delay", Way.STRICTER, "waits 600"),
        ("freeze = 1008", "freeze = 500", "guard.blocks", Way.LOOSER, "lasts 500"),
        ("idle = 210240", "idle = 300000", "recover.blocks", Way.STRICTER, "300000"),
        ("pegin_bp = 10", "pegin_bp = 12", "fees.pegin_bp", Way.OTHER, "12 basis points"),
        ('name = "large"', 'name = "big"', "tier.big", Way.LOOSER, "new"),
    ],
)
def test_numbers(before: str, after: str, where: str, way: Way, said: str) -> None:
    found = {one[0]: one for one in changed(before, after)}
    assert found[where][1] == way and said in found[where][2]


def test_who_gains_and_who_loses_a_power_is_named() -> None:
    guard = "thresh(1, key(tower-1), key(tower-2))"
    assert changed(guard, "key(tower-1)") == [
        ("guard.policy", Way.STRICTER, "tower-2 cannot now freeze, veto and cancel.")
    ]
    assert changed(guard, "thresh(2, key(tower-1), key(tower-2))") == [
        ("guard.policy", Way.STRICTER, "tower-1 cannot now freeze, veto and cancel."),
        ("guard.policy", Way.STRICTER, "tower-2 cannot now freeze, veto and cancel."),
    ]
    found = changed("thresh(2, key(r1), key(r2), key(r3))", "thresh(1, key(r1), key(r2), key(r3))")
    assert [one[2] for one in found] == [f"r{n} can now recover." for n in (1, 2, 3)]


def test_the_same_charter_differs_in_nothing() -> None:
    assert differences(OLD, OLD) == ()
    # The same policy in other words is no change.
    assert changed("any", "any") == []


def test_what_signers_take_as_one_change() -> None:
    twice = parse_charter(TRADE.replace(b'"100"', b'"200"').replace(b'"200"', b'"400"', 1))
    assert refusal(OLD, OLD, ASSETS) is None
    found = refusal(OLD, twice, {})
    assert found is not None and found.rule == "LimitsRise"
    assert refusal(OLD, parse_charter(TRADE.replace(b'"100"', b'"200"')), {}) is None
