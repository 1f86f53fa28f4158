"""Proofs are bounded by what they cost to verify, not by their bytes alone."""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Output, Transaction
from bystack.sidechain import actions, burden, transition
from bystack.sidechain.blocks import Body
from bystack.sidechain.burden import COSTS, MAX_BURDEN, TooManyProofs
from bystack.sidechain.inclusion import verify_included
from bystack.sidechain.modules.exchange.orders import Side
from bystack.sidechain.relay import RelayView
from tests.ledger.people import ALICE, BOB, CAROL
from tests.sidechain.markets import trading
from tests.sidechain.world import K, World, funded


def claims(world: World, count: int) -> list[Transaction]:
    made = [world.deposit(50 + number, to=BOB) for number in range(count)]
    world.relay(K)
    return [world.claim_tx(deposit) for deposit in made]


def test_a_block_holds_so_many_proofs_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proposer leaves the rest for the next block, where payments have room all the same."""
    world = funded()
    waiting = claims(world, 4)
    payment = world.transact(CAROL, (Output(BTM, 10, BOB.lock),))
    monkeypatch.setattr(transition, "MAX_BURDEN", 3)
    built = world.side.build([*waiting, payment], world.now)
    assert built.body.transactions == (*waiting[:3], payment) and not built.refused
    world.side.validate(built)
    with pytest.raises(TooManyProofs):
        world.side.validate(built._replace(body=Body(b"", tuple(waiting))))
    world.side.commit(built)
    assert world.side.build(waiting[3:], world.now).body.transactions == tuple(waiting[3:])


def test_a_proof_too_many_is_refused_before_it_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    world = funded()
    waiting = claims(world, 1)
    monkeypatch.setattr(transition, "MAX_BURDEN", 0)
    monkeypatch.setattr(transition, "sidechain_effects", None)
    built = world.side.build(waiting, world.now)
    assert not built.body.transactions and not built.refused


def test_every_action_has_its_cost() -> None:
    assert set(COSTS) == set(actions._KINDS)
    most = max(COSTS.values())
    assert min(COSTS.values()) > 0 and 2 * most <= MAX_BURDEN
    world = funded()
    assert burden.burden(claims(world, 1)[0]) == 1
    world.main.grow(1)
    relay = world.relay_tx()
    assert relay is not None and burden.burden(relay) == most


def test_a_block_holds_so_many_orders_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen fit into a transaction that pays one fee, and each writes a dozen entries."""
    world = trading()
    waiting = [world.placing(owner, Side.BUY, 1, 1, 30) for owner in (ALICE, BOB, CAROL)]
    monkeypatch.setattr(transition, "MAX_BURDEN", 2)
    built = world.side.build(waiting, world.now)
    assert built.body.transactions == tuple(waiting[:2]) and not built.refused
    world.side.validate(built)
    with pytest.raises(TooManyProofs):
        world.side.validate(built._replace(body=Body(b"", tuple(waiting))))
    world.side.commit(built)
    assert world.side.build(waiting[2:], world.now).body.transactions == tuple(waiting[2:])


def test_a_proof_looks_at_few_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lie before it: the mean of a thousand is a difference of two."""
    world = funded()
    world.relay(300)
    deposit = world.deposit(40)
    world.relay(K)
    asked: list[int] = []
    holds = RelayView.holds

    def counted(view: RelayView, height: int) -> bool:
        asked.append(height)
        return holds(view, height)

    monkeypatch.setattr(RelayView, "holds", counted)
    verify_included(RelayView(world.view), world.main.inclusion(deposit), K)
    assert len(asked) < 20
