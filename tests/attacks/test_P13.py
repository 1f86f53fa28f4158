"""P13 dust: below the minimum nothing is minted, at it all of it; a swarm blocks nobody."""

from __future__ import annotations

import pytest

from bystack.ledger.transactions import DepositLock, Outpoint
from bystack.sidechain.claims import DepositBelowMinimum, deposits_in
from bystack.sidechain.records import PegoutState
from bystack.sidechain.relayer import Relayer
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.world import K, funded, ready

SWARM = 400


def test_one_below_is_refused_and_the_minimum_itself_is_minted() -> None:
    world = ready()
    least = world.genesis.assets[0].pegin_minimum
    below, at = world.deposit(least - 1), world.deposit(least)
    world.relay(K)
    with pytest.raises(DepositBelowMinimum):
        world.block(world.claim_tx(below))
    world.block(world.claim_tx(at))
    assert world.sums().circulating + world.sums().pool == least


def test_a_swarm_of_dust_is_no_work_for_anybody() -> None:
    """No proof is wanted for it, the state does not grow by it, and payouts are not made of it."""
    world = funded()
    chain = world.main
    lock = DepositLock(chain.vault, world.note(CAROL))
    before = len(world.side.state)
    dust = [chain.send(chain.transfer(ALICE, lock, 1)) for _ in range(SWARM)]
    relayer = Relayer(world.genesis)
    for height, block in enumerate(chain.line, 1):
        relayer.connect(height, block)
    world.relay(K)
    wanted = {want.outpoint for want in relayer.wanted(world.view, 10_000)}
    assert not wanted & {Outpoint(tx.id, 0) for tx in dust}
    assert all(deposits_in(tx, chain.vault, world.genesis.id) for tx in dust[:3])
    grown = len(world.side.state) - before
    assert grown <= 2 * (SWARM + K) + 8, "two entries for each relayed header, none for dust"
    id = world.burn(900)
    world.relay(4)
    spent = world.pay(world.open[0])
    assert world.stands(id) == PegoutState.SETTLED and len(spent.body.inputs) < SWARM + 8
