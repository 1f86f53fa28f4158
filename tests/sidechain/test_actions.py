"""A sidechain's actions: which stand alone, which pay, and that malformed ones are refused."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import (
    Action,
    Approval,
    NoWitness,
    Output,
    Transaction,
    TransactionBody,
    Witness,
)
from bystack.ledger.validation import WitnessCount
from bystack.primitives.errors import Invalid
from bystack.sidechain.action_kinds import BURN, DETACHED, MODULE_KINDS, PENDING, RELAY
from bystack.sidechain.actions import (
    ActionUnknown,
    ActionUnsigned,
    NotAlone,
    decode_action,
    encode_action,
    needs_no_fee,
)
from bystack.sidechain.modules.base import Modules
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.federations import federated
from tests.sidechain.world import K, World, burn_action, funded, ready

BURNING = encode_action(burn_action(300, BTM, CAROL.lock, CAROL.lock.root))


def bare(actions: tuple[Action, ...], witnesses: tuple[Witness, ...]) -> Transaction:
    return Transaction(TransactionBody(1, (), (), actions, 0, 0, b""), witnesses)


@pytest.mark.parametrize("kind", [0, 11, 255, 2**16 - 1])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    with pytest.raises(Invalid) as caught:
        ready().block(bare((Action(kind, b""),), (NoWitness(),)))
    assert caught.value.rule == "ActionUnknown"


@pytest.mark.parametrize("kind", [*range(RELAY, DETACHED + 1), MODULE_KINDS + 1])
@pytest.mark.parametrize("count", [0, 1])
def test_a_missing_witness_is_refused_not_stumbled_over(kind: int, count: int) -> None:
    world = federated()
    actions = (Action(kind, b""),) * (count + 1)
    with pytest.raises(WitnessCount):
        world.block(bare(actions[count:], ()))
    with pytest.raises(Invalid):
        world.block(bare(actions, (NoWitness(),) * count))


@pytest.mark.parametrize("witness", [Approval(b"", ()), Approval(b"x", ((b"y",),))])
def test_no_action_but_a_modules_takes_a_witness(witness: Witness) -> None:
    world = ready()
    paid = world.deposit(1_000)
    world.relay(K)
    for tx in (world.claim_tx(paid), world.anchor_tx(world.main.created)):
        with pytest.raises(ActionUnsigned):
            world.block(Transaction(tx.body, (witness,)))


def test_proofs_stand_alone() -> None:
    world = funded()
    world.main.grow(1)
    relay = world.relay_tx()
    assert relay is not None
    proofs = (relay, world.anchor_tx(world.main.created), world.donate_tx(world.main.created))
    for tx in proofs:
        (action,) = tx.body.actions
        with pytest.raises(NotAlone):
            world.block(world.transact(CAROL, actions=(action,)))
        with pytest.raises(NotAlone):
            world.block(bare((action, BURNING), (NoWitness(),) * 2))
        outputs = (Output(BTM, 1, ALICE.lock),)
        with pytest.raises(NotAlone):
            body = msgspec.structs.replace(tx.body, outputs=outputs)
            world.block(Transaction(body, tx.witnesses))


def test_who_pays_no_fee() -> None:
    world = funded()
    modules = Modules(())
    relay = bare((Action(RELAY, b""),), (NoWitness(),))
    assert needs_no_fee(modules, relay)
    assert not needs_no_fee(modules, world.burn_tx(300))
    assert not needs_no_fee(modules, bare((relay.body.actions[0],) * 2, ()))
    assert not needs_no_fee(modules, bare((Action(MODULE_KINDS + 1, b""),), ()))
    free = federated().side.modules
    assert needs_no_fee(free, bare((Action(MODULE_KINDS + 1, b""),), ()))
    assert not needs_no_fee(free, bare((Action(MODULE_KINDS + 255, b""),), ()))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, PENDING + 3), st.binary(max_size=60), st.integers(0, 2))
def test_random_actions_are_refused_and_change_nothing(kind: int, body: bytes, extra: int) -> None:
    world: World = WORLD
    before = world.side.state.copy()
    actions = (Action(kind, body), BURNING, BURNING)[: extra + 1]
    for tx in (bare(actions, (NoWitness(),) * extra), bare(actions, (NoWitness(),) * len(actions))):
        built = world.side.build([tx], world.now)
        assert len(built.refused) == 1
    assert world.side.state == before


WORLD = funded()


@pytest.mark.parametrize("kind", range(RELAY, DETACHED + 1))
def test_a_body_is_of_its_kind(kind: int) -> None:
    others = [k for k in range(RELAY, DETACHED + 1) if k != kind]
    with pytest.raises(ActionUnknown):
        decode_action(Action(99, BURNING.body))
    if kind == BURN:
        assert encode_action(decode_action(BURNING)) == BURNING
        for other in others:
            with pytest.raises(Invalid):
                decode_action(Action(other, BURNING.body))
