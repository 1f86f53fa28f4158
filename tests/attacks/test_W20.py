"""W20 Poly: a peg-out whose destination encodes a management operation.

Management operations are another transaction type, another domain tag, another key role.
"""

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import SignatureWrong
from bystack.ledger.satisfaction import ItemsMissing
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import DepositLock, Output, VaultLock
from bystack.ledger.vault_errors import OrderOutputInvalid, SecondApproval
from bystack.ledger.vault_operations import (
    Announce,
    Order,
    Replace,
    encode_operation,
    operation_digest,
)
from bystack.primitives.codec import encode
from tests.ledger.vault_world import CHAIN, World, approved_by, edited, new_terms, pay


@pytest.fixture
def world() -> World:
    world = World()
    world.fill_buckets()
    return world


def test_a_payout_to_a_vaults_own_lock(world: World) -> None:
    tx = world.order([pay(5)], [world.deposit(9)])
    order = Order(0, 0, (Output(BTM, 0, VaultLock(world.vault)),))
    with pytest.raises(OrderOutputInvalid):
        world.judge(edited(world, tx, actions=(encode_operation(order),)))


def test_an_operation_in_the_note_is_a_note(world: World) -> None:
    """The bytes of an operation where a user may write anything move nothing but the payment."""
    payload = encode(Announce(0, bytes(32)))[:64].ljust(64, b"\x00")
    before = world.state
    world.submit(
        world.order([Output(BTM, 5, DepositLock(b"\x09" * 32, payload))], [world.deposit(5)])
    )
    assert (world.state.terms, world.state.turn) == (before.terms, before.turn)
    assert world.state.announced == ()


def test_no_signature_of_an_order_is_one_of_management(world: World) -> None:
    order, announce = Order(0, 0, (pay(5),)), Announce(0, terms_hash(new_terms()))
    digests = {operation_digest(CHAIN, world.vault, 0, op) for op in (order, announce)}
    assert len(digests) == 2
    # Of the same key even, for the same counter.
    with pytest.raises(SignatureWrong):
        world.judge(approved_by(world.touch(), world.approve(order)))
    # Management asks for other keys.
    with pytest.raises(ItemsMissing):
        world.judge(approved_by(world.spend(announce), world.approve(order)))
    with pytest.raises(SecondApproval):
        world.judge(approved_by(world.spend(Replace(0, new_terms())), world.approve(order)))
    assert (world.state.seq, world.state.turn) == (0, 0)
