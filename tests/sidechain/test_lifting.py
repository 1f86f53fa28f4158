"""Automatic stops: each is set by its rule and lifted by a quorum when its condition is gone.

Detached relays and convicted validators have tests of their own (`test_detachment`,
`test_misconduct`), lag its attack (`R02`).
"""

import pytest

from bystack.federation.module.actions import RESUME, Resume
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Outpoint, Output
from bystack.sidechain.claims import note_for
from bystack.sidechain.lifting import StopStands, kept
from bystack.sidechain.records import PegoutState
from bystack.sidechain.stops import Since, Stop, since
from tests.ledger.people import ALICE, BOB
from tests.sidechain.federations import approved
from tests.sidechain.governed import Governed
from tests.sidechain.mainside import SLOW
from tests.sidechain.test_orphans import away, founded
from tests.sidechain.world import K, World


def resume(world: World) -> None:
    world.block(approved(world, RESUME, Resume))


def refused(world: World, why: str) -> None:
    """A quorum's resume is refused by name, and nothing changes: not even its nonce is used."""
    before = dict(world.side.state)
    with pytest.raises(StopStands, match=why):
        resume(world)
    assert world.side.state == before


def test_an_orphaned_claim_stops_until_the_deficit_is_gone() -> None:
    world = founded()
    deposit = world.deposit(700)
    world.relay(K)
    world.block(world.claim_tx(deposit))
    assert deposit in away(world, K + 1)
    assert world.stops == Stop.ORPHANED | Stop.DEEP_REORG and world.sums().deficit == 700
    world.relay(K)
    resume(world)
    assert world.stops == Stop.ORPHANED
    refused(world, "700 units of BTM are missing")
    world.main.mine(deposit)
    world.relay(K)
    world.block(world.reprove_tx(deposit))
    resume(world)
    assert not world.stops and world.sums().deficit == 0


def test_a_deep_reorganisation_stops_for_k_headers_more() -> None:
    world = founded()
    away(world, K + 1)
    assert world.stops == Stop.DEEP_REORG
    for left in range(K, 0, -1):
        refused(world, f"must grow by {left} headers yet")
        world.relay(1)
    resume(world)
    assert not world.stops


def test_another_one_begins_the_count_anew() -> None:
    world = founded()
    away(world, K + 1)
    world.relay(K - 1)
    away(world, K + 2)
    refused(world, f"must grow by {K} headers yet")


def test_one_of_k_is_no_deep_one() -> None:
    world = founded()
    away(world, K)
    assert not world.stops


def test_an_unknown_delayed_spend_stops_until_vetoed() -> None:
    world = founded()
    order = world.main.send(world.main.order((Output(BTM, 90, ALICE.lock),), SLOW))
    veto = world.main.send(world.main.veto(Outpoint(order.id, 1)))
    world.prove(order)
    assert world.stops == Stop.UNKNOWN_SPEND and world.sums().deficit == 0
    refused(world, "1 payouts of orders that are no batch")
    world.block(world.pending_tx(veto))
    resume(world)
    assert not world.stops


def test_a_stolen_payout_that_completes_is_a_deficit() -> None:
    world = founded()
    stolen = (Output(BTM, 90, ALICE.lock),)
    order = world.prove(world.main.send(world.main.order(stolen, SLOW)))
    done = world.main.send(world.main.complete(Outpoint(order.id, 1), stolen))
    world.relay(K)
    world.block(world.pending_tx(done))
    refused(world, "90 units of BTM are missing")
    # Its order reorganised away with it, nothing waits and nothing is lost.
    depth = world.main.height - world.main.where[order.id][0] + 1
    away(world, depth)
    world.relay(K)
    resume(world)
    assert not world.stops


def test_since_when_is_kept_and_forgotten_with_the_stop() -> None:
    world = founded()
    away(world, K + 1)
    begun = Since(world.side.header.height, since(world.view, Stop.DEEP_REORG).relay_height)
    assert since(world.view, Stop.DEEP_REORG) == begun
    away(world, K + 1)
    assert since(world.view, Stop.DEEP_REORG) == begun
    world.relay(K)
    resume(world)
    assert since(world.view, Stop.DEEP_REORG) is None


def test_without_a_stop_a_quorum_lifts_only_members_pauses() -> None:
    world = founded()
    resume(world)
    assert not world.stops and kept(world.view, world.genesis, 0) == {}


def test_what_governance_recorded_is_no_unknown_spend() -> None:
    """A stray deposit paid back is a batch in state: its order stops nothing and loses nothing."""
    history = Governed(1, deep=False)
    world = history.world
    world.main.send(world.main.deposit(ALICE, 60, BTM, note_for(b"\x77" * 32, ALICE.lock.root)))
    world.pegged(2_000, to=BOB)
    assert history.stray() and history.give_back()
    (id,) = history.pegouts
    assert world.request(id).payout == 60
    world.pay(world.request(id).seq)
    assert world.stands(id) == PegoutState.SETTLED and not world.stops
    assert not world.sums().lost
    history.check()
