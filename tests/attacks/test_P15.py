"""P15: the deposit is reorganised out before it is deep enough. Never valid by the old proof."""

import pytest

from bystack.ledger.amounts import BTM
from bystack.mainchain.proofs import ProofHeader
from bystack.sidechain.inclusion import NotDeepEnough
from tests.sidechain.world import K, ready


def test_a_claim_needs_its_whole_depth_and_its_own_branch() -> None:
    world = ready()
    paid = world.deposit(1_000)
    world.relay(K - 1)
    claim = world.claim_tx(paid)
    with pytest.raises(NotDeepEnough):
        world.block(claim)
    assert paid in world.main.reorganise(K, more=2)
    world.relay()
    world.main.mine(paid)
    for _ in range(3 * K):
        with pytest.raises(ProofHeader):
            world.block(claim)
        world.relay(1)
    assert world.supply(BTM) == 0 == world.sums().circulating
    again = world.claim_tx(paid)
    assert again.body != claim.body
    world.block(again)
    assert world.supply(BTM) == 990


def test_depth_is_exact() -> None:
    world = ready()
    paid = world.deposit(1_000)
    for _ in range(K):
        with pytest.raises(NotDeepEnough):
            world.block(world.claim_tx(paid))
        world.relay(1)
    world.block(world.claim_tx(paid))
    assert world.sums().circulating + world.sums().pool == 1_000
