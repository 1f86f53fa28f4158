"""P23: a deposit to the federation's old address, after its keys were rotated. None can strand.

The address names the vault, and the vault stays while its keys change: every deposit ever made to
it is claimable, however old, and what it brought is paid out under the keys of today.
"""

from __future__ import annotations

import msgspec
import pytest

from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import Approval, DepositLock, Transaction, Witness
from bystack.ledger.vault_operations import Adopt, Announce, Order, operation_digest
from bystack.primitives.errors import Invalid
from bystack.sidechain.claims import AlreadyClaimed
from bystack.sidechain.inclusion import HistoryMissing
from bystack.sidechain.records import PegoutState
from tests.ledger.people import CAROL
from tests.sidechain.mainside import CHAIN, TERMS, VARIANTS, items
from tests.sidechain.world import K, World, ready

ROTATED = VARIANTS[3]
"""The same vault under another group key."""


@pytest.fixture
def world() -> World:
    """Two deposits to one address: before the rotation and after it."""
    world = ready()
    before = world.deposit(700)
    world.main.grow(2)
    chain = world.main
    announced = chain.send(chain.spend(Announce(chain.state.seq, terms_hash(ROTATED))))
    chain.grow(ROTATED.govern.delay)
    adopted = chain.send(chain.spend(Adopt(ROTATED)))
    world.relay(K)
    world.block(world.anchor_tx(announced))
    world.block(world.anchor_tx(adopted))
    after = world.deposit(500)
    world.relay(K)
    locks = {tx.body.outputs[0].lock for tx in (before, after)}
    assert len(locks) == 1 and isinstance(locks.pop(), DepositLock)
    world.deposits = (before, after)  # type: ignore[attr-defined]
    return world


def test_both_are_claimed_and_paid_out_under_the_new_key(world: World) -> None:
    for paid in world.deposits:  # type: ignore[attr-defined]
        world.block(world.claim_tx(paid))
        with pytest.raises(AlreadyClaimed):
            world.block(world.claim_tx(paid))
    assert world.balance(CAROL) == 693 + 495
    world.relay(12)
    id = world.burn(900)
    world.pay(world.open[0])
    assert world.stands(id) == PegoutState.SETTLED
    assert world.main.terms == ROTATED != TERMS


def test_the_old_key_moves_nothing_any_more(world: World) -> None:
    world.block(world.claim_tx(world.deposits[0]))  # type: ignore[attr-defined]
    world.burn(300)
    good = world.order_of(world.open[0])
    record = world.record(world.open[0])
    order = Order(record.seq, record.tier, record.outputs)
    digest = operation_digest(CHAIN, world.main.vault, record.seq, order)
    forged = tuple(_signed_with(witness, TERMS, digest) for witness in good.witnesses)
    with pytest.raises(Invalid) as caught:
        world.main.send(Transaction(good.body, forged))
    assert caught.value.rule == "SignatureWrong"
    world.main.send(good)


def _signed_with(witness: Witness, terms: Terms, digest: bytes) -> Witness:
    """An approval of these terms' first tier in place of the one given."""
    if not isinstance(witness, Approval):
        return witness
    return msgspec.structs.replace(witness, signatures=(items(terms.tiers[0].policy, digest),))


def test_however_old_it_is(world: World) -> None:
    """Its header has left the relay's window long ago: its history proves it."""
    paid = world.deposits[0]  # type: ignore[attr-defined]
    for _ in range(11):
        world.relay(100)
    with pytest.raises(HistoryMissing):
        world.block(world.claim_tx(paid))
    world.block(world.claim_tx(paid, under=world.relayed - K))
    assert world.balance(CAROL) == 693
