"""V06: the same id with other terms after a reorganisation.

Impossible: the id commits to the terms.
"""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Output, VaultLock
from bystack.ledger.vault_errors import AnchorMismatch
from tests.ledger.vault_world import World, edited, new_terms, usual_terms


def test_other_terms_make_another_vault() -> None:
    world = World()
    sponsor = world.sponsor()
    first = world.create(usual_terms(), sponsor)
    delta = world.judge(first).delta
    before = dict(world.coins)
    world.apply(delta)
    world.apply(delta.inverse())  # the reorganisation
    assert world.coins == before

    second = world.create(new_terms(), sponsor)
    vault = first.body.outputs[0].lock
    assert isinstance(vault, VaultLock)
    same_id = (Output(BTM, 0, vault), *second.body.outputs[1:])
    with pytest.raises(AnchorMismatch):
        world.judge(edited(world, second, outputs=same_id))
    assert second.body.outputs[0].lock != vault


def test_the_state_holds_the_terms_of_the_id() -> None:
    world = World()
    assert world.state.terms == terms_hash(world.terms)
    other = replace(world.terms, note=bytes(32))
    assert world.state.terms != terms_hash(other)
