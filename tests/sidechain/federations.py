"""A sidechain with the federation's module: three members, two of whom are a quorum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bystack.federation.members import Seat
from bystack.federation.module.actions import MemberApproval, action_digest, next_nonce
from bystack.federation.module.application import FederationModule
from bystack.federation.module.records import (
    DEFAULT_RULES,
    SIGNER_VERSION,
    FederationConfig,
    KeyEpoch,
    Newcomer,
    Rules,
    Standing,
    seated,
)
from bystack.ledger.transactions import Action, Approval, Transaction, TransactionBody
from bystack.primitives import bls
from bystack.primitives.codec import Wire, encode
from bystack.sidechain.modules.base import Modules, read_only
from bystack.sidechain.params import Genesis
from tests.ledger.people import Person
from tests.sidechain.mainside import VaultChain, vault_chain
from tests.sidechain.world import World, genesis_for, module_config

MEMBERS = tuple(Person(bytes([number]) * 32) for number in (41, 42, 43))


def newcomer(number: int, weight: int = 1, governance: bytes = b"") -> Newcomer:
    """Someone with a name, keys and a recipient of its own."""
    name, own = f"m{number}".encode(), bytes([number + 1])
    held = Seat(name, b"i" * 31 + own, b"n" * 31 + own, weight, b"r" * 31 + own)
    return Newcomer(held, governance or MEMBERS[number].policy.key)


def key_epoch(standing: Standing, seed: int = 7, epoch: int = 0) -> KeyEpoch:
    """A key of these members, of which nobody has a share."""
    scalars = range(seed, seed + standing.threshold)
    polynomial = tuple(bls.sk_to_pk(bls.key_gen(bytes([n]) * 32)) for n in scalars)
    return KeyEpoch(epoch, 0, b"\x05" * 32, polynomial[0], polynomial, standing.roster, 0)


def config_for(standing: Standing, rules: Rules = DEFAULT_RULES) -> FederationConfig:
    """A genesis of the module with these members."""
    return FederationConfig(b"\x0a" * 32, standing, key_epoch(standing), rules)


CONFIG = config_for(seated(b"\x09" * 32, 2, tuple(newcomer(n) for n in range(3))))


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
    signed = tuple(MemberApproval(m, SIGNER_VERSION, MEMBERS[m].sign(digest)) for m in members)
    action = Action(256 + kind, body)
    return Transaction(
        TransactionBody(1, (), (), (action,), 0, 0, b""), (Approval(encode(signed), ()),)
    )
