"""Members' statements as proved entries show them: who said what, who said nothing in time."""

from __future__ import annotations

from bystack.federation.module.records import DEFAULT_RULES, RULES, STANDING, entry_key
from bystack.federation.stated import Stated, first_wanted, stated, then_wanted
from bystack.federation.statements import AssetTerms, Statement
from bystack.ledger.amounts import BTM
from tests.federation.module.parliament import Parliament
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for


def proved(house: Parliament) -> dict[bytes, bytes | None]:
    """What an audit asks for, in its order."""
    first = first_wanted(house.world.genesis)
    assert first == [entry_key(STANDING), entry_key(RULES)]
    state = house.world.side.state
    found = {key: state.get(key) for key in first}
    return {**found, **{key: state.get(key) for key in then_wanted(found)}}


def states(house: Parliament, member: int, circulating: int = 9) -> Statement:
    """A member states the reserves after the last block."""
    header = house.world.side.header
    row = AssetTerms(BTM, 9, circulating, 0, 0, 0, 0, 0)
    places = (header.chain, header.height, header.id, house.height, 3, b"\x01" * 32)
    made = Statement(*places, 1, bytes(32), (row,))
    house.world.block(house.action(made, (member,)))
    return made


def test_each_members_last_word_in_seat_order() -> None:
    house = Parliament()
    one, other = states(house, 0), states(house, 2, circulating=10)
    rows = stated(proved(house), house.height)
    assert rows == (
        Stated("m0", one, lately=True),
        Stated("m1", None, lately=False),
        Stated("m2", other, lately=True),
        Stated("m3", None, lately=False),
        Stated("m4", None, lately=False),
    )
    assert one.holds and not other.holds


def test_an_old_statement_is_not_of_late() -> None:
    house = Parliament()
    states(house, 0)
    interval = DEFAULT_RULES.statement
    begin = house.height - house.height % interval
    for height, lately in ((begin + 2 * interval - 1, True), (begin + 2 * interval, False)):
        assert stated(proved(house), height)[0].lately is lately


def test_without_a_federation_nobody_is_asked() -> None:
    assert first_wanted(genesis_for(vault_chain())) == []
    assert then_wanted({}) == [] and stated({}, 9) == ()
