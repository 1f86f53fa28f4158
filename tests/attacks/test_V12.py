"""V12: veto at mature - 1 and at mature; complete likewise; after a change of guard.

As the coin says.
"""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_approvals import veto_demands
from bystack.ledger.vault_building import build_veto, veto_approval
from bystack.ledger.vault_errors import GuardUnknown, NotMature, TooLate
from bystack.ledger.vault_operations import Replace, Veto
from tests.ledger.vault_world import CHAIN, LARGE, World, groups, key, pay, usual_terms

OLD, NEW = (
    usual_terms(),
    replace(usual_terms(), guard=replace(usual_terms().guard, policy=key("n1"))),
)


@pytest.fixture
def world() -> World:
    world = World()
    tx = world.order([pay(50)], [world.deposit(50)], tier=LARGE)
    world.submit(tx)
    world.pending = Outpoint(tx.id, 1)
    return world


def veto_by(world: World, terms: Terms, held: set[str]) -> object:
    """A veto by the guard of these terms."""
    body = build_veto((world.pending, world.coins[world.pending]), world.sponsor())
    guard = terms.guard.policy
    (items,) = groups(veto_demands(CHAIN, world.vault, Veto(world.pending), guard), held)
    return world.signed(body, veto_approval(guard, items))


def test_before_maturity_the_guard_alone(world: World) -> None:
    world.height += 143
    with pytest.raises(NotMature):
        world.judge(world.complete(world.pending, [pay(50)]))
    world.submit(veto_by(world, OLD, {"g1"}))
    assert world.holdings(BTM) == 50
    world.height += 1
    with pytest.raises(KeyError):
        world.complete(world.pending, [pay(50)])


def test_from_maturity_on_anybody(world: World) -> None:
    world.height += 144
    with pytest.raises(TooLate):
        world.judge(veto_by(world, OLD, {"g1"}))
    world.submit(world.complete(world.pending, [pay(50)]))
    assert world.holdings(BTM) == 0


def test_at_no_height_both_nor_neither(world: World) -> None:
    for _ in range(300):
        verdicts = []
        for tx in (veto_by(world, OLD, {"g1"}), world.complete(world.pending, [pay(50)])):
            try:
                world.judge(tx)
                verdicts.append(True)
            except (NotMature, TooLate):
                verdicts.append(False)
        assert sum(verdicts) == 1
        world.height += 1


def test_after_a_change_of_guard_the_coins_own(world: World) -> None:
    world.submit(world.spend(Replace(0, NEW), {"r1", "r2", "g1", "n1"}))
    world.terms = NEW
    assert world.state.terms == terms_hash(NEW)
    with pytest.raises(GuardUnknown):
        world.judge(veto_by(world, NEW, {"n1"}))
    world.judge(veto_by(world, OLD, {"g2"}))
    world.height += 144
    world.submit(world.complete(world.pending, [pay(50)]))
