"""P24: somebody broadcasts the victim's claim as their own. It fails, or pays the victim."""

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Approval, NoWitness, Output, Transaction
from bystack.sidechain.actions import ActionUnsigned, NotAlone
from bystack.sidechain.claims import AlreadyClaimed, ClaimOutput
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.world import K, ready


def test_a_stolen_claim_pays_the_victim() -> None:
    world = ready()
    paid = world.deposit(1_000, to=CAROL)
    world.relay(K)
    claim = world.claim_tx(paid)
    for output in (
        Output(BTM, 990, ALICE.lock),
        Output(BTM, 1, CAROL.lock),
    ):
        stolen = msgspec.structs.replace(claim.body, outputs=(output,))
        with pytest.raises(ClaimOutput):
            world.block(Transaction(stolen, claim.witnesses))
    split = (Output(BTM, 980, CAROL.lock), Output(BTM, 10, ALICE.lock))
    with pytest.raises(ClaimOutput):
        world.block(
            Transaction(msgspec.structs.replace(claim.body, outputs=split), claim.witnesses)
        )
    with pytest.raises(ActionUnsigned):
        world.block(Transaction(claim.body, (Approval(b"mine", ()),)))
    world.block(Transaction(msgspec.structs.replace(claim.body, memo=b"mine"), claim.witnesses))
    assert world.balance(CAROL) == 990 and world.balance(ALICE) == 0
    with pytest.raises(AlreadyClaimed):
        world.block(claim)


def test_a_claim_takes_no_inputs_that_could_hide_its_fee() -> None:
    world = ready()
    first, second = world.deposit(1_000, to=ALICE), world.deposit(500, to=CAROL)
    world.relay(K)
    world.block(world.claim_tx(first))
    ((place, _),) = world.coins_of(ALICE)
    claim = world.claim_tx(second)
    body = msgspec.structs.replace(claim.body, inputs=(place,))
    with pytest.raises(NotAlone):
        world.block(Transaction(body, (NoWitness(), NoWitness())))
    assert world.balance(CAROL) == 0
