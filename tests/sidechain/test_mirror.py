"""The mirror follows the vault by proofs, in order, and is what the main chain holds."""

from collections.abc import Callable

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Output, Transaction
from bystack.ledger.vault_approvals import create_demands
from bystack.ledger.vault_building import approval, build_create, created_vault
from bystack.ledger.vault_operations import Announce, Cancel, Create, Freeze
from bystack.ledger.vault_state import decode_state
from bystack.sidechain.mirror import NotTheAnchor, NotTheCreation, operation_in
from bystack.sidechain.records import MIRROR, Mirror
from tests.ledger.people import CAROL
from tests.sidechain.mainside import CHAIN, SLOW, TERMS, groups, vault_chain
from tests.sidechain.world import K, World, funded, genesis_for

OPERATIONS: list[Callable[[World], Transaction]] = [
    lambda w: w.main.touch(),
    lambda w: w.main.spend(Announce(w.main.state.seq, b"\x07" * 32)),
    lambda w: w.main.spend(Cancel(w.main.state.turn, b"\x07" * 32)),
    lambda w: w.main.order((Output(BTM, 100, CAROL.lock),)),
    lambda w: w.main.order((Output(BTM, 200, CAROL.lock),), SLOW),
    lambda w: w.main.spend(Freeze(w.main.state.turn)),
]


def mirror(world: World) -> Mirror:
    found = world.view.read(Mirror, MIRROR)
    assert found is not None
    return found


def test_after_every_operation_it_is_what_the_main_chain_holds() -> None:
    world = funded()
    spends = []
    for operate in OPERATIONS:
        spends.append(world.main.send(operate(world)))
        world.main.grow(3)
    world.relay(K)
    # Only in order.
    for spend in spends[1:]:
        with pytest.raises(NotTheAnchor):
            world.block(world.anchor_tx(spend))
    for number, spend in enumerate(spends):
        world.block(world.anchor_tx(spend))
        assert mirror(world).anchor.transaction == spend.id
        assert decode_state(mirror(world).state).seq == number + 1
        assert mirror(world).height == world.main.where[spend.id][0]
    assert decode_state(mirror(world).state) == world.main.state
    assert mirror(world).anchor == world.main.anchor


def test_the_creation_must_be_this_vaults_under_these_terms() -> None:
    main = vault_chain()
    other = main.sponsor()
    terms = msgspec.structs.replace(TERMS, note=b"else" * 8)
    id = created_vault(terms, other)
    wanted = create_demands(CHAIN, id, Create(terms))
    second = main.send(main.signed(build_create(terms, other), approval(None, groups(wanted))))
    touch = main.send(main.touch())
    changed = World(main, genesis_for(main, terms=terms))
    world = World(main)
    for each in (world, changed):
        each.relay(K)
        for tx in (second, touch):
            with pytest.raises(NotTheCreation):
                each.block(each.anchor_tx(tx))
    with pytest.raises(NotTheCreation):
        changed.block(changed.anchor_tx(main.created))
    world.block(world.anchor_tx(main.created))
    state = decode_state(mirror(world).state)
    assert (state.seq, state.terms) == (0, terms_hash(TERMS))
    with pytest.raises(NotTheAnchor):
        world.block(world.anchor_tx(main.created))


def test_operations_are_read_from_actions_only() -> None:
    world = funded()
    assert isinstance(operation_in(world.main.created), Create)


def test_the_creation_repays_nobody_and_spends_no_seq() -> None:
    world = World(vault_chain())
    world.relay(K)
    world.block(world.anchor_tx(world.main.created))
    assert not world.side.coins and not world.open
