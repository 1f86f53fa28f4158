"""P16: a reorganisation of K + 3 removes a deposit that was minted.

The claim is flagged, burns and claims stop, the deficit is exactly the amount, and stays published
until the deposit is mined again: then it is cleared, and nothing is minted a second time.
"""

from __future__ import annotations

import pytest

from bystack.ledger.transactions import Outpoint
from bystack.sidechain.claims import AlreadyClaimed, NotOrphaned, claimed_at
from bystack.sidechain.lifting import StopStands
from bystack.sidechain.stops import PegsPaused, Stop
from tests.sidechain.lawful import lawful
from tests.sidechain.test_orphans import founded, resume
from tests.sidechain.world import K

AMOUNT = 700


@pytest.mark.parametrize("again", [True, False])
def test_minted_is_never_more_than_locked_and_the_declared_deficit(again: bool) -> None:
    world = founded()
    paid = world.deposit(AMOUNT)
    world.relay(K)
    world.block(world.claim_tx(paid))
    circulating = world.sums().circulating
    place = Outpoint(paid.id, 0)
    world.main.reorganise(K + 3)
    world.relay()
    record = claimed_at(world.view, place)
    assert record is not None and record.orphaned
    assert world.sums().deficit == AMOUNT
    assert world.stops == Stop.ORPHANED | Stop.DEEP_REORG
    with pytest.raises(PegsPaused):
        world.block(world.burn_tx(100))
    with pytest.raises(StopStands):
        resume(world)
    lawful(world, {place})
    if not again:
        return
    world.main.mine(paid)
    world.relay(K)
    with pytest.raises((AlreadyClaimed, PegsPaused)):
        world.block(world.claim_tx(paid))
    world.block(world.reprove_tx(paid))
    with pytest.raises(NotOrphaned):
        world.block(world.reprove_tx(paid))
    assert world.sums().deficit == 0 and world.sums().circulating == circulating
    resume(world)
    assert not world.stops
    world.burn(100)
    lawful(world, {place})
