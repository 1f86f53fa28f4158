"""Frozen destinations: refused before the burn, listed, lifted by decision."""

import pytest

from bystack.federation.module import freezes
from bystack.federation.module.actions import QuorumMissing
from bystack.federation.module.decisions import Freeze, SetRegion, Unfreeze
from bystack.federation.module.enacting import RegionIllegible
from bystack.federation.module.freezes import (
    COUNT,
    DestinationFrozen,
    FrozenAlready,
    NotFrozen,
    TooManyFreezes,
    destination_id,
)
from bystack.federation.module.records import entry_key
from bystack.primitives.codec import encode
from bystack.sidechain.modules.asking import QueryInvalid
from bystack.sidechain.modules.linked import Linked
from bystack.sidechain.records import PegoutState
from bystack.sidechain.state import SystemState
from tests.federation.module.parliament import Parliament
from tests.ledger.people import ALICE, BOB, CAROL

LOCKS = [encode(person.lock) for person in (ALICE, BOB, CAROL)]


def freeze(number: int) -> Freeze:
    return Freeze(LOCKS[number], b"EU 2580/2001", f"case {number}".encode())


def house() -> Parliament:
    made = Parliament()
    made.world.relay(12)
    made.world.pegged(5_000)
    return made


def test_a_burn_to_a_frozen_destination_is_refused_up_front() -> None:
    here = house()
    burn = here.world.burn_tx(300)
    destination = encode(CAROL.lock)
    here.enact(Freeze(destination, b"EU 2580/2001", b"case 9"))
    before = here.world.sums()
    with pytest.raises(DestinationFrozen, match="EU 2580/2001") as caught:
        here.world.block(burn)
    assert caught.value.facts["reference"] == "case 9"
    assert here.world.sums() == before, "nothing was burned"
    here.enact(Unfreeze(destination, b"case closed"))
    here.world.block(burn)


def test_what_was_burned_before_is_owed_as_before() -> None:
    here = house()
    id = here.world.burn(300)
    asked = here.world.request(id)
    here.enact(Freeze(encode(CAROL.lock), b"rule", b"case"))
    after = here.world.request(id)
    assert (after.destination, after.payout) == (asked.destination, asked.payout)
    here.world.pay(0)
    assert here.world.stands(id) == PegoutState.SETTLED


def test_a_list_once_in_the_order_of_decisions() -> None:
    here = house()
    for number in range(3):
        here.enact(freeze(number))
    with pytest.raises(FrozenAlready):
        here.enact(freeze(1))
    rows = here.ask("getfreezes")["freezes"]
    assert [(row["reference"], row["number"]) for row in rows] == [
        ("case 0", 0), ("case 1", 1), ("case 2", 2),
    ]  # fmt: skip
    first = here.ask("getfreezes", 1, "")["freezes"]
    assert first == rows[:1]
    assert here.ask("getfreezes", 5, first[0]["id"])["freezes"] == rows[1:]
    here.enact(Unfreeze(LOCKS[1], b"error"))
    assert [row["reference"] for row in here.ask("getfreezes")["freezes"]] == ["case 0", "case 2"]
    with pytest.raises(NotFrozen):
        here.enact(Unfreeze(LOCKS[1], b"error"))
    count = SystemState(here.world.side.state).number(entry_key(COUNT))
    assert count == 2 and not Linked(here.state, b"freezes/list").holds(destination_id(LOCKS[1]))
    for wrong in ((0, ""), (5, "zz"), (5,), ("5", "")):
        with pytest.raises(QueryInvalid):
            here.ask("getfreezes", *wrong)


def test_the_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes one off makes room for another."""
    monkeypatch.setattr(freezes, "MAX_FROZEN", 2)
    here = house()
    here.enact(freeze(0))
    here.enact(freeze(1))
    with pytest.raises(TooManyFreezes):
        here.enact(freeze(2))
    here.enact(Unfreeze(LOCKS[0], b"error"))
    here.enact(freeze(2))


def test_one_member_freezes_nothing() -> None:
    here = house()
    with pytest.raises(QuorumMissing):
        here.world.block(here.enact_tx(freeze(0), (0, 1)))
    assert here.ask("getfreezes")["freezes"] == []


def test_regional_rules_are_text() -> None:
    here = house()
    here.enact(SetRegion("Länder, 第1条".encode()))
    assert here.ask("getfreezes")["region"] == "Länder, 第1条"
    with pytest.raises(RegionIllegible):
        here.enact(SetRegion(b"\xff\xfe"))
    here.enact(SetRegion(b""))
    assert here.ask("listmembers")["region"] == ""
