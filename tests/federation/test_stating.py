"""Drafting a statement from the terms; what a signer checks of it is tested with the signer."""

import pytest

from bystack.federation.stating import TermsUnstatable, drafted
from bystack.ledger.amounts import BTM
from bystack.sidechain.holdings import Row
from tests.sidechain.mainside import GOLD
from tests.sidechain.test_orphans import founded

ROW = Row(1000, 700, 50, 100, 60, 95, 5)


def test_assets_stand_in_ascending_order() -> None:
    world = founded()
    made = drafted(world.genesis, world.side.header, 60, (54, b"\x05" * 32), {BTM: ROW, GOLD: ROW})
    assert [one.asset for one in made.assets] == sorted((BTM, GOLD))
    assert made.holds and (made.height, made.main_height) == (world.side.header.height, 54)


@pytest.mark.parametrize("wrong", [{"surplus": -1}, {"vault": 2**63}])
def test_a_term_out_of_range_is_stated_by_nobody(wrong: dict[str, int]) -> None:
    world = founded()
    with pytest.raises(TermsUnstatable):
        rows = {BTM: ROW._replace(**wrong)}
        drafted(world.genesis, world.side.header, 60, (54, bytes(32)), rows)
