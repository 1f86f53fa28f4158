"""A sidechain with the federation's module: three members, two of whom are a quorum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bystack.federation.module import (
    FederationConfig,
    FederationModule,
    MemberApproval,
    ModuleMember,
    action_digest,
    next_nonce,
)
from bystack.ledger.transactions import Action, Approval, Transaction, TransactionBody
from bystack.primitives.codec import Wire, encode
from bystack.sidechain.modules.base import Modules, read_only
from bystack.sidechain.params import Genesis
from tests.ledger.people import Person
from tests.sidechain.mainside import VaultChain, vault_chain
from tests.sidechain.world import World, genesis_for, module_config

MEMBERS = tuple(Person(bytes([number]) * 32) for number in (41, 42, 43))
CONFIG = FederationConfig(
    b"\x09" * 32,
    2,
    tuple(ModuleMember(f"m{i}", 1, m.policy.key) for i, m in enumerate(MEMBERS)),
)


def federation_genesis(main: VaultChain) -> Genesis:
    return genesis_for(main, modules=(module_config("federation", CONFIG),))


def federated() -> World:
    """A world whose sidechain has the federation's module, vault not yet proved."""
    main = vault_chain()
    return World(main, federation_genesis(main), Modules([FederationModule()]))


def nonce_of(world: World) -> int:
    return next_nonce(read_only(world.side.state, "federation"))


def approved(
    world: World,
    kind: int,
    make: Callable[[int], Wire],
    members: Sequence[int] = (0, 1),
    nonce: int | None = None,
) -> Transaction:
    """A member action with its approvals, a transaction of its own."""
    body = encode(make(nonce_of(world) if nonce is None else nonce))
    digest = action_digest(world.genesis.id, kind, body)
    signed = tuple(MemberApproval(m, MEMBERS[m].sign(digest)) for m in members)
    action = Action(256 + kind, body)
    return Transaction(
        TransactionBody(1, (), (), (action,), 0, 0, b""), (Approval(encode(signed), ()),)
    )
