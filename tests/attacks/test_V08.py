"""V08: announce, cancel, then the old announce again; last month's freeze again.

Refused by counter.
"""

import pytest
from msgspec.structs import replace

from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Approval, Transaction
from bystack.ledger.vault_building import build_anchor_spend
from bystack.ledger.vault_errors import NotAnnounced, SeqMismatch, TurnMismatch
from bystack.ledger.vault_operations import (
    Adopt,
    AnchorOperation,
    Announce,
    Cancel,
    Freeze,
    Replace,
    Touch,
)
from bystack.primitives.codec import encode
from tests.ledger.vault_world import World, new_terms, usual_terms

HASH = terms_hash(new_terms())


@pytest.fixture
def world() -> World:
    return World()


def again(world: World, operation: AnchorOperation, signed: Transaction) -> Transaction:
    """The old operation with its old signatures, on the anchor as it is now."""
    approved = signed.witnesses[-1]
    assert isinstance(approved, Approval)
    body = build_anchor_spend(world.at(world.anchor), operation, world.sponsor())
    return world.signed(body, replace(approved, revealed=encode(world.terms)))


def test_the_old_announce(world: World) -> None:
    announce = Announce(0, HASH)
    signed = world.spend(announce)
    world.submit(signed)
    world.submit(world.spend(Cancel(0, HASH)))
    with pytest.raises(SeqMismatch):
        world.judge(again(world, announce, signed))
    world.height += 10_000
    with pytest.raises(NotAnnounced):
        world.judge(world.spend(Adopt(new_terms())))
    assert world.state.announced == ()


def test_last_months_freeze(world: World) -> None:
    signed = world.spend(Freeze(0))
    world.submit(signed)
    world.height += 100_000
    with pytest.raises(TurnMismatch):
        world.judge(again(world, Freeze(0), signed))
    world.judge(world.touch())  # nothing is frozen


def test_the_old_cancel(world: World) -> None:
    cancel = Cancel(0, HASH)
    world.submit(world.spend(Announce(0, HASH)))
    signed = world.spend(cancel)
    world.submit(signed)
    world.submit(world.spend(Announce(2, HASH)))
    with pytest.raises(TurnMismatch):
        world.judge(again(world, cancel, signed))
    assert world.state.announced[0].terms == HASH


def test_the_old_replace_when_the_same_terms_are_in_force_again(world: World) -> None:
    """It outlasts turns, not terms: not the ones it brought, and not the old ones come back."""
    change = Replace(0, new_terms())
    signed = world.spend(change)
    world.submit(signed)
    world.terms = new_terms()
    with pytest.raises(TurnMismatch):
        world.judge(again(world, change, signed))
    world.submit(world.spend(Replace(1, usual_terms())))
    world.terms = usual_terms()
    with pytest.raises(TurnMismatch):
        world.judge(again(world, change, signed))
    assert world.state.terms == terms_hash(usual_terms())


def test_the_old_touch(world: World) -> None:
    signed = world.touch()
    world.submit(signed)
    with pytest.raises(SeqMismatch):
        world.judge(again(world, Touch(0, 0), signed))
    assert world.state.terms == terms_hash(usual_terms())
