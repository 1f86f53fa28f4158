"""Switches: what each stops, by whom, how long; what a member's pause leaves visible."""

import msgspec
import pytest

from bystack.federation.module.actions import NonceWrong, Pause
from bystack.federation.module.decisions import Halt, Lift, SetRules
from bystack.federation.module.enacting import HaltTooLong
from bystack.federation.module.pauses import (
    BATCHES,
    BURNS,
    CLAIMS,
    EVERYTHING,
    SIGNING,
    SWITCHES,
    UNTIL,
    PausedTooOften,
    PauseEmpty,
)
from bystack.federation.module.records import DEFAULT_RULES, RulesInvalid, entry_key
from bystack.sidechain.records import PegoutState
from bystack.sidechain.state import SystemState
from tests.federation.module.parliament import Parliament


def pause(house: Parliament, what: int, by: int = 4, reason: str = "odd") -> None:
    nonce = house.ask("listmembers")["nonce"]
    house.world.block(house.action(Pause(nonce, what, reason), (by,)))


def pausing(house: Parliament) -> set[str]:
    return {name for name, until in house.ask("getpauses").items() if until > house.height}


@pytest.mark.parametrize("name", SWITCHES)
def test_each_switch_is_its_own(name: str) -> None:
    house = Parliament()
    pause(house, SWITCHES[name])
    assert pausing(house) == {name}
    until = SystemState(house.world.side.state).number(entry_key(UNTIL, SWITCHES[name]))
    assert until == house.height + DEFAULT_RULES.pause, "where signers read it"


def test_one_sidechain_is_all_switches() -> None:
    house = Parliament()
    pause(house, EVERYTHING)
    assert pausing(house) == set(SWITCHES)
    house.enact(Lift())
    assert pausing(house) == set()


def test_a_pause_is_seen_with_who_and_why_and_when_again() -> None:
    house = Parliament()
    pause(house, SIGNING, by=3, reason="a key is lost")
    (row,) = house.ask("listpauses")["pauses"]
    assert (row["member"], row["reason"], row["what"]) == ("m3", "a key is lost", SIGNING)
    assert row["again"] == row["since"] + DEFAULT_RULES.rest
    assert house.told("paused") == [{"member": "m3", "what": SIGNING, "reason": "a key is lost"}]
    house.enact(Lift())
    with pytest.raises(PausedTooOften):
        pause(house, CLAIMS, by=3)
    pause(house, CLAIMS, by=2)


def test_a_quorum_pauses_for_longer_but_not_for_ever() -> None:
    house = Parliament()
    house.enact(Halt(CLAIMS, 8064, b"audit"))
    assert house.ask("getpauses")["claims"] == house.height + 8064
    pause(house, CLAIMS)
    assert house.ask("getpauses")["claims"] == house.height + 8064, "overlaps do not add"
    for blocks in (0, 8065):
        with pytest.raises(HaltTooLong):
            house.enact(Halt(CLAIMS, blocks, b""))
    with pytest.raises(PauseEmpty):
        house.enact(Halt(16, 5, b""))
    with pytest.raises(RulesInvalid):
        house.enact(SetRules(msgspec.structs.replace(DEFAULT_RULES, pause=8064)))


def test_outflows_queued_after_a_pause_are_netted_with_nothing() -> None:
    """What came in meanwhile gives the bucket nothing: it pays what it would have paid."""
    house = Parliament()
    house.world.relay(12)
    house.world.pegged(5_000)
    house.enact(Halt(BATCHES, 30, b""))
    one = house.world.burn(600)
    house.world.pegged(3_000)
    two = house.world.burn(600)
    assert {house.world.stands(id) for id in (one, two)} == {PegoutState.REQUESTED}
    house.enact(Lift())
    house.world.idle()
    stands = [house.world.stands(id) for id in (one, two)]
    assert stands == [PegoutState.BATCHED, PegoutState.REQUESTED], "the bucket holds 1000"


def test_what_a_member_signed_pauses_once_not_whenever_somebody_shows_it_again() -> None:
    house = Parliament(rules=msgspec.structs.replace(DEFAULT_RULES, pause=1, rest=2))
    signed = house.action(Pause(0, BURNS, "why"), (0,))
    house.world.block(signed)
    house.world.relay(2)
    with pytest.raises(NonceWrong):
        house.world.block(signed)
    house.world.block(house.action(Pause(1, BURNS, "why"), (0,)))
