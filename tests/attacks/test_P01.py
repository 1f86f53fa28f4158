"""P01: no proof. A claim signed by every key of the federation, but no deposit.

Mint requires a valid inclusion proof even if all federation keys sign.
"""

import msgspec
import pytest

from bystack.federation.module.actions import MemberApproval, action_digest
from bystack.ledger.amounts import BTM
from bystack.ledger.effects import Effects
from bystack.ledger.transactions import Action, Approval, DepositLock, Output, Transaction
from bystack.mainchain.proofs import ProofHeader
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import ProofMismatch
from bystack.sidechain.actions import ActionUnsigned, ModuleMints, system_transaction
from bystack.sidechain.claims import Claim
from bystack.sidechain.modules.base import ActionContext, Modules, Outcome, PrefixedState, Quiet
from bystack.sidechain.relay import HeaderNotRelayed
from tests.ledger.people import ALICE, CAROL
from tests.sidechain.federations import MEMBERS, federated
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import K, World, genesis_for, module_config


def forged(world: World) -> Transaction:
    """A claim of a deposit nobody paid, under the header of a block that is really there."""
    real = world.deposit(10)
    world.relay(K)
    paid = Output(BTM, 1_000_000, DepositLock(world.main.vault, world.note(CAROL)))
    fake = Transaction(msgspec.structs.replace(real.body, outputs=(paid,)), real.witnesses)
    honest = world.main.inclusion(real)
    proof = msgspec.structs.replace(honest.proof, transaction=encode(fake))
    return world.claim_of(msgspec.structs.replace(honest, proof=proof), fake)


def test_a_deposit_nobody_paid_is_not_minted_whoever_signs() -> None:
    world = federated()
    claim = forged(world)
    action = claim.body.actions[0]
    digest = action_digest(world.genesis.id, action.kind, action.body)
    signed = tuple(MemberApproval(i, 1, m.sign(digest)) for i, m in enumerate(MEMBERS))
    with pytest.raises(ProofMismatch):
        world.block(claim)
    with pytest.raises(ActionUnsigned):
        world.block(Transaction(claim.body, (Approval(encode(signed), ()),)))
    assert world.supply(BTM) == 0 == world.sums().circulating


def test_a_deposit_only_the_members_node_knows_is_not_minted() -> None:
    """Depth on the member's own main chain is nothing: only relayed headers count."""
    world = federated()
    paid = world.deposit(100)
    world.main.grow(K)
    with pytest.raises(Invalid) as caught:
        world.block(world.claim_tx(paid))
    assert caught.value.rule == "NotDeepEnough"
    world.main.reorganise(K + 1)
    world.relay()
    elsewhere = world.copy()
    elsewhere.main.mine(paid)
    with pytest.raises((ProofHeader, HeaderNotRelayed, Invalid)) as refused:
        elsewhere.block(elsewhere.claim_tx(paid))
    assert refused.value.rule == "NotDeepEnough"
    assert world.supply(BTM) == 0


def test_a_private_block_is_not_one_of_the_relayed_chain() -> None:
    world = federated()
    private = world.copy()
    paid = private.deposit(100)
    private.main.grow(K)
    world.relay(K + 1)
    with pytest.raises(ProofHeader):
        world.block(private.claim_tx(paid))
    assert world.supply(BTM) == 0


class Printer(Quiet):
    """A module that tries to print money."""

    name = "printer"

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        return Outcome(Effects(created={BTM: 1_000}))


def test_no_module_mints() -> None:
    main = vault_chain()
    genesis = genesis_for(main, modules=(module_config("printer", Action(0, b"")),))
    world = World(main, genesis, Modules([Printer()]))
    made = system_transaction(Claim(main.inclusion(main.created), 0)).body
    body = msgspec.structs.replace(
        made, actions=(Action(256, b""),), outputs=(Output(BTM, 1_000, ALICE.lock),)
    )
    with pytest.raises(ModuleMints):
        world.block(Transaction(body, (Approval(b"", ()),)))
    assert world.supply(BTM) == 0
