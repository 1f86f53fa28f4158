"""V04: counterfeit `pending`, `treasury`, `vault` outputs in an ordinary transaction.

They exist only by an operation.
"""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.effects import NO_EFFECTS
from bystack.ledger.transactions import (
    DepositLock,
    Lock,
    NoWitness,
    Output,
    PendingLock,
    TransactionBody,
    TreasuryLock,
    VaultLock,
)
from bystack.ledger.validation import LockForbidden, NotSpendable, apply_transaction
from bystack.ledger.vault_errors import OutputsMismatch, SponsorInvalid
from bystack.ledger.vault_operations import guard_hash, outputs_hash
from tests.ledger.vault_world import RULES, World, edited, pay, payee

KINDS = ("vault", "treasury", "pending")


@pytest.fixture
def world() -> World:
    world = World()
    world.fill_buckets()
    return world


def counterfeit(world: World, kind: str) -> Output:
    guard = guard_hash(world.terms.guard.policy)
    locks: dict[str, Lock] = {
        "vault": VaultLock(world.vault),
        "treasury": TreasuryLock(world.vault),
        "pending": PendingLock(world.vault, guard, outputs_hash((pay(5),)), 0),
    }
    return Output(BTM, 0 if kind == "vault" else 5, locks[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_in_an_ordinary_transaction(world: World, kind: str) -> None:
    coin, _ = world.mint(payee("sponsor"), 5)
    body = TransactionBody(1, (coin,), (counterfeit(world, kind),), (), 0, 0, b"")
    tx = world.signed(body, NoWitness())
    tx = replace(tx, witnesses=tx.witnesses[:-1])
    before = dict(world.coins)
    with pytest.raises(LockForbidden):
        apply_transaction(world, tx, world.height, NO_EFFECTS, RULES)
    assert world.coins == before


@pytest.mark.parametrize("kind", KINDS)
def test_as_a_sponsors_output(world: World, kind: str) -> None:
    tx = world.touch()
    outputs = (*tx.body.outputs, counterfeit(world, kind))
    with pytest.raises(SponsorInvalid):
        world.judge(edited(world, tx, outputs=outputs))


@pytest.mark.parametrize("kind", KINDS)
def test_as_an_orders_payment(world: World, kind: str) -> None:
    tx = world.order([pay(5)], [world.deposit(90)])
    anchor, _, *rest = tx.body.outputs
    with pytest.raises(OutputsMismatch):
        world.judge(edited(world, tx, outputs=(anchor, counterfeit(world, kind), *rest)))


@pytest.mark.parametrize("kind", (*KINDS, "deposit"))
def test_spent_without_an_operation(world: World, kind: str) -> None:
    lock = DepositLock(world.vault, bytes(64))
    made = Output(BTM, 5, lock) if kind == "deposit" else counterfeit(world, kind)
    coin, _ = world.mint(made.lock, made.amount)
    body = TransactionBody(1, (coin,), (pay(5),) if made.amount else (), (), 0, 0, b"")
    tx = world.signed(body, NoWitness())
    with pytest.raises(NotSpendable):
        apply_transaction(
            world, replace(tx, witnesses=tx.witnesses[:-1]), world.height, NO_EFFECTS, RULES
        )
