"""S04: coins sent to the vault that name nobody. They raise the surplus and mint for nobody."""

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.claims import (
    AlreadyClaimed,
    Claim,
    DonationUnclaimable,
    NotADonation,
    claimed_at,
)
from tests.ledger.people import ALICE
from tests.sidechain.law import Ledger, prove_all
from tests.sidechain.world import K, World, funded


def held(world: World) -> int:
    prove_all(world)
    return Ledger(world, set(), []).vault[BTM]


def test_a_donation_is_surplus_and_nobodys() -> None:
    world = funded()
    before, sums = held(world), world.sums()
    gift = world.deposit(700, to=None)
    world.relay(K)
    for outputs in ((), world.claim_tx(gift).body.outputs):
        with pytest.raises(DonationUnclaimable):
            world.block(system_transaction(Claim(world.main.inclusion(gift), 0), outputs))
    own = world.claim_tx(gift).body.outputs[0]
    with pytest.raises(DonationUnclaimable):
        stolen = type(own)(BTM, own.amount, ALICE.lock)
        world.block(system_transaction(Claim(world.main.inclusion(gift), 0), (stolen,)))
    with pytest.raises(NotADonation):
        world.block(world.donate_tx(gift))
    assert held(world) == before + 700 and world.sums() == sums


def test_a_donation_makes_good_a_deficit_once() -> None:
    world = funded()
    lost = world.deposit(500)
    world.relay(K)
    world.block(world.claim_tx(lost))
    world.main.reorganise(K + 1)
    world.relay()
    assert world.sums().deficit == 500
    gift, claimable = world.deposit(700, to=None), world.deposit(700)
    world.relay(K)
    with pytest.raises(NotADonation):
        world.block(world.donate_tx(claimable))
    world.block(world.donate_tx(gift))
    assert world.sums().deficit == 0 and world.sums().donated == 700
    with pytest.raises(AlreadyClaimed):
        world.block(world.donate_tx(gift))
    record = claimed_at(world.view, Outpoint(gift.id, 0))
    assert record is not None and record.donation
    # What the gift exceeded the gap by is surplus: another gap is made good by it.
    again = world.sums()
    assert again.donated - again.lost == 200
    assert world.supply(BTM) == again.circulating
