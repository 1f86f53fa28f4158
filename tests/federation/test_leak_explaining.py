"""What is said of a leak, name by name."""

import pytest

from bystack.federation.charter import parse_charter
from bystack.federation.leak_explaining import decimal, explain_leak, leak_facts
from bystack.federation.leak_names import UNKNOWN, LeakedUnknown, leak

from .charters import TRADE
from .rosters import who

CHARTER = parse_charter(TRADE)


def said(*names: str) -> str:
    return "\n".join(explain_leak(CHARTER, leak(CHARTER, names, who()), who()))


def test_members_are_weighed_together() -> None:
    assert "weight 4 of 7, too little to sign for the group (5)" in said("alpha", "beta")
    assert "They move nothing" in said("alpha", "beta")
    assert "enough to sign" in said("alpha", "beta", "gamma")
    assert "By tier ordinary they order at once 100 BTC" in said("alpha", "beta", "gamma")


def test_an_operators_charter_keys_come_with_it() -> None:
    assert "By tier large" in said("operator:alpha", "operator:beta", "gamma")
    assert "By tier large" not in said("operator:alpha", "beta", "gamma")


def test_guards_move_nothing_and_hold_up() -> None:
    text = said("tower-1", "tower-2")
    assert "They move nothing" in text and "They can hold up payouts" in text


def test_recovery_alone_waits_and_with_a_guard_does_not() -> None:
    assert "once nothing moved for 210240 blocks" in said("r1", "r2")
    assert "They replace the terms at once" in said("r1", "r2", "tower-1")
    assert "Any other asset: everything the vault holds." in said("r1", "r2", "tower-1")


def test_lost_keys_are_spoken_of_too() -> None:
    assert "If these keys are lost and not stolen" in said("alpha", "gamma")
    assert "If these keys are lost" not in said("alpha")


def test_without_a_roster_a_group_key_leaks_by_its_own_name() -> None:
    found = leak(CHARTER, ("operations",), UNKNOWN)
    facts = leak_facts(CHARTER, found)
    assert facts["assets"]["BTC"]["at_once"] == 100 * 10**8
    assert facts["ways"][0]["tier"] == "ordinary" and facts["answered"] == 6
    with pytest.raises(LeakedUnknown):
        leak(CHARTER, ("alpha",), UNKNOWN)


def test_amounts_are_decimal() -> None:
    assert [decimal(10_156_250_000, 8), decimal(100, 0), decimal(5, 2)] == [
        "101.5625",
        "100",
        "0.05",
    ]
