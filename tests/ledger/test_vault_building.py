"""What the builders make is what the rules accept; what they cannot make is our own mistake."""

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import require
from bystack.ledger.transactions import NoWitness, Outpoint
from bystack.ledger.vault_building import (
    NO_SPONSOR,
    approval,
    assemble,
    build_anchor_spend,
    build_consolidate,
    build_create,
    build_freeze,
    build_order,
    build_touch,
    build_veto,
)
from bystack.ledger.vault_errors import TierUnknown, Underfunded
from bystack.ledger.vault_layout import payments, share
from bystack.ledger.vault_operations import Freeze, Order, Touch
from bystack.primitives.errors import Misuse
from tests.ledger.vault_world import GOLD, LARGE, World, pay, payee, usual_terms


@pytest.fixture
def world() -> World:
    world = World()
    world.fill_buckets()
    return world


def test_touch_and_freeze(world: World) -> None:
    for body, operation in (
        (build_touch(world.at(world.anchor), 0, 0), Touch(0, 0)),
        (build_freeze(world.at(world.anchor), 0), Freeze(0)),
    ):
        tx = assemble(body, (), world.approve(operation))
        assert tx.witnesses[0] == NoWitness()
        require(world.judge(tx).checks)


def test_memo_names_who_is_repaid(world: World) -> None:
    order = Order(0, 0, (pay(1),))
    anchor, coins = world.at(world.anchor), [world.deposit(1)]
    body = build_order(anchor, world.terms, order, coins, NO_SPONSOR, memo=b"me")
    assert body.memo == b"me"
    world.judge(assemble(body, (), world.approve(order)))


def test_pending_outputs_can_be_found_again(world: World) -> None:
    order = Order(0, LARGE, (pay(5), pay(7, GOLD), pay(6, to="bob")))
    pending = payments(world.vault, world.terms, order)
    assert [(o.asset, o.amount) for o in pending] == [(GOLD, 7), (BTM, 11)]
    assert share(order, BTM) == (pay(5), pay(6, to="bob"))
    coins = [world.deposit(20), world.deposit(7, GOLD)]
    first = world.submit(world.order(order.outputs, coins, tier=LARGE))
    world.height += 144
    world.submit(world.complete(Outpoint(first.transaction, 2), share(order, BTM)))
    world.submit(world.complete(Outpoint(first.transaction, 1), share(order, GOLD)))
    assert (world.holdings(BTM), world.holdings(GOLD)) == (9, 0)


def test_an_order_beyond_its_coins(world: World) -> None:
    anchor = world.at(world.anchor)
    with pytest.raises(Underfunded):
        build_order(anchor, world.terms, Order(0, 0, (pay(2),)), [world.deposit(1)])
    with pytest.raises(Underfunded):
        build_order(anchor, world.terms, Order(0, 0, (pay(2, GOLD),)), [world.deposit(2)])
    with pytest.raises(TierUnknown):
        build_order(anchor, world.terms, Order(0, 9, (pay(1),)), [world.deposit(1)])


def test_misuse(world: World) -> None:
    coin = world.mint(payee(), 5)
    for build in (
        lambda: build_create(usual_terms(), NO_SPONSOR),
        lambda: build_anchor_spend(world.at(world.anchor), Order(0, 0, (pay(1),))),
        lambda: build_veto(coin),
        lambda: build_consolidate([coin] * 8),
    ):
        with pytest.raises(Misuse):
            build()


def test_approval_of_a_creation_reveals_nothing() -> None:
    assert approval(None, [(b"x",)]).revealed == b""
