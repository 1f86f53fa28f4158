"""V09: a thief touches the anchor in every block while the guard freezes and recovery replaces.

They get in: spending the anchor cannot outrun turn.
"""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.satisfaction import ItemsMissing
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Approval
from bystack.ledger.vault_building import build_anchor_spend
from bystack.ledger.vault_errors import TurnMismatch, VaultFrozen
from bystack.ledger.vault_operations import Announce, Cancel, Freeze, Recover, Replace, Touch
from tests.ledger.vault_world import World, key, new_terms, pay, usual_terms

THIEF = frozenset({"op", "s1", "s2"})  # tiers and govern
GUARD = frozenset({"g1"})
RECOVERY = frozenset({"r1", "r2", "g1", "n1"})


def test_guard_and_recovery_get_in() -> None:
    world = World()
    world.fill_buckets()
    world.deposit(1000)
    freeze, change = Freeze(0), Replace(1, new_terms())
    # Signed once, long before they are mined; the thief spends the anchor block after block.
    freezing, changing = world.approve(freeze, GUARD), world.approve(change, RECOVERY)
    for _ in range(50):
        world.height += 1
        world.submit(world.spend(Touch(world.state.seq, 0), THIEF))

    def mine(operation: Freeze | Replace, approved: Approval) -> None:
        body = build_anchor_spend(world.at(world.anchor), operation, world.sponsor())
        world.submit(world.signed(body, approved))

    mine(freeze, freezing)
    with pytest.raises(VaultFrozen):
        world.judge(world.spend(Touch(world.state.seq, 0), THIEF))
    with pytest.raises(VaultFrozen):
        world.judge(world.order([pay(1)], [world.deposit(1)], held=THIEF))
    # While frozen the thief can still announce: that moves seq, never turn.
    world.submit(world.spend(Announce(world.state.seq, bytes(32)), THIEF))
    mine(change, changing)
    world.terms = new_terms()
    with pytest.raises(ItemsMissing):
        world.judge(world.order([pay(1)], [world.deposit(1)], held=THIEF))
    assert world.state.terms == terms_hash(new_terms())
    assert world.state.announced == ()
    assert world.holdings(BTM) == 1002


def race(world: World, thieves: frozenset[str]) -> None:
    """In one block: announced, cancelled by a stolen guard key, and so another turn."""
    evil = terms_hash(replace(usual_terms(), note=bytes(32)))
    world.submit(world.spend(Announce(world.state.seq, evil), thieves))
    world.submit(world.spend(Cancel(world.state.turn, evil), thieves))


@pytest.mark.parametrize("second", ["g2", "op s1"])
def test_a_thief_with_guard_and_govern_keys_cannot_outrun_a_replacement(second: str) -> None:
    """He is first in every block and raises the turn in each; recovery signed once, before it."""
    world = World()
    world.fill_buckets()
    thieves = THIEF | {"g1"}
    change = Replace(world.state.since, new_terms())
    signed = world.approve(change, frozenset({"r1", "r2", "n1", *second.split()}))
    world.submit(world.spend(Freeze(0), thieves))
    for _ in range(30):
        world.height += 1
        race(world, thieves)
    assert world.state.turn == 31
    body = build_anchor_spend(world.at(world.anchor), change, world.sponsor())
    world.submit(world.signed(body, signed))
    world.terms = new_terms()
    assert (world.state.terms, world.state.since) == (terms_hash(new_terms()), 32)
    with pytest.raises(ItemsMissing):
        world.judge(world.order([pay(1)], [world.deposit(1)], held=thieves))


def test_nor_recovery_alone_once_the_vault_lay_idle() -> None:
    """Guards' keys alone: a freeze in each rest, and the cancellation of what honest ones say."""
    world = World()
    world.submit(world.touch())
    change = Recover(world.state.since, new_terms())
    signed = world.approve(change, frozenset({"r1", "r2", "n1"}))
    world.height += world.terms.recover.idle
    world.submit(world.spend(Freeze(0), frozenset({"g1"})))
    body = build_anchor_spend(world.at(world.anchor), change, world.sponsor())
    world.submit(world.signed(body, signed))
    assert world.state.terms == terms_hash(new_terms())


def test_a_turn_that_is_still_to_come_is_nobodys() -> None:
    """Else what is signed ahead would outlast the terms it was signed under."""
    world = World()
    for ahead in (Replace(1, new_terms()), Recover(1, new_terms())):
        world.height += 1_000
        with pytest.raises(TurnMismatch):
            world.judge(world.spend(ahead))


def test_cancel_cannot_be_outrun() -> None:
    world = World()
    evil = replace(usual_terms(), guard=replace(usual_terms().guard, policy=key("n2")))
    world.submit(world.spend(Announce(0, terms_hash(evil)), THIEF))
    cancel = Cancel(0, terms_hash(evil))
    approved = world.approve(cancel, GUARD)
    for _ in range(20):
        world.submit(world.spend(Touch(world.state.seq, 0), THIEF))
    body = build_anchor_spend(world.at(world.anchor), cancel, world.sponsor())
    world.submit(world.signed(body, approved))
    assert world.state.announced == ()
