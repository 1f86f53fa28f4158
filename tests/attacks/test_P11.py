"""P11 (THORChain 2021): deposits with a malformed note, of nothing, or with value in the fee.

What is given back is what was proved to have come in, never what was announced: a stray deposit is
returned to the unit, once, and what brought nothing brings nothing back.
"""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Outpoint, Output
from bystack.primitives.errors import Invalid
from bystack.sidechain.claims import ForeignSidechain
from bystack.sidechain.records import Return, return_id
from bystack.sidechain.strays import StrayUnknown
from tests.ledger.people import ALICE, BOB
from tests.sidechain.decrees import Decreed, decreed
from tests.sidechain.test_strays import FOREIGN, law, lost, prove_tx, proved
from tests.sidechain.world import K


@pytest.fixture
def made() -> Decreed:
    return decreed()


@pytest.mark.parametrize("note", [FOREIGN, b"\xff" * 64, bytes(64)])
def test_a_malformed_note_mints_nothing_and_is_returned_to_the_unit(
    made: Decreed, note: bytes
) -> None:
    world = made.world
    paid = lost(world, 90, note=note)
    place = proved(world, paid)
    with pytest.raises(ForeignSidechain):
        world.block(world.claim_tx(paid))
    circulating = world.sums().circulating
    made.decide(returns=(Return(place, BOB.lock),))
    id = return_id(world.genesis.id, place)
    assert world.request(id).payout == 90 and world.sums().circulating == circulating
    with pytest.raises(StrayUnknown):
        made.decide(returns=(Return(place, BOB.lock),))
    law(world, id)


def test_a_deposit_of_nothing_does_not_exist(made: Decreed) -> None:
    chain = made.world.main
    lock = DepositLock(chain.vault, FOREIGN)
    with pytest.raises(Invalid) as caught:
        chain.send(chain.transfer(ALICE, lock, 0))
    assert caught.value.rule == "AmountZero"


def test_value_in_the_fee_is_nobodys_deposit(made: Decreed) -> None:
    """A thousand go to the miner, ten into the vault: ten come back."""
    world = made.world
    paid = lost(world, 10)
    body = paid.body
    change = next(o for o in body.outputs if o.lock == ALICE.lock)
    assert isinstance(change, Output) and change.asset == BTM
    place = proved(world, paid)
    made.decide(returns=(Return(place, BOB.lock),))
    assert world.request(return_id(world.genesis.id, place)).payout == 10


def test_no_return_for_what_was_not_proved(made: Decreed) -> None:
    world = made.world
    paid = lost(world, 90)
    world.relay(K - 1)
    for place in (Outpoint(paid.id, 0), Outpoint(b"\x09" * 32, 0)):
        with pytest.raises(StrayUnknown):
            made.decide(returns=(Return(place, BOB.lock),))
    with pytest.raises(Invalid) as caught:
        world.block(prove_tx(world, paid))
    assert caught.value.rule == "NotDeepEnough"
    assert world.sums().owed == 0
