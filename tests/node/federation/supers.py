"""A vault of two tiers: within limits at once; without, by the group and both supers, delayed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from bystack.ledger.amounts import BTM
from bystack.ledger.fulfilment import items_for
from bystack.ledger.policies import All, Bls, Key, Thresh
from bystack.ledger.terms import Limit, Terms, Tier, policies_of
from bystack.ledger.vault_approvals import create_demands
from bystack.ledger.vault_building import approval, build_create, created_vault
from bystack.ledger.vault_operations import Create
from bystack.primitives import bls
from bystack.primitives.keys import public_key, sign
from tests.ledger.people import ALICE, BOB
from tests.sidechain.mainside import CHAIN, GROUP, KEYS, TERMS, ZEROS, VaultChain

from .members import Net

DELAY = 144
SUPERS = {name: sha256(name.encode()).digest() for name in ("super-1", "super-2")}
CHARTER: Mapping[str, bytes] = {**KEYS, **SUPERS}


def two_tiers() -> Terms:
    group = Bls(bls.sk_to_pk(GROUP))
    both = Thresh(2, tuple(Key(public_key(secret)) for secret in SUPERS.values()))
    ordinary = Tier(group, (Limit(BTM, 1000, 500, 2),), 0)
    large = Tier(All((group, both)), (), DELAY)
    return Terms((ordinary, large), TERMS.guard, TERMS.govern, TERMS.recover, TERMS.note)


TIERS = two_tiers()


@lru_cache(maxsize=1)
def _founded() -> VaultChain:
    chain = VaultChain()
    chain.grow(8)
    sponsor = chain.sponsor()
    chain.vault = created_vault(TIERS, sponsor)
    wanted = create_demands(CHAIN, chain.vault, Create(TIERS))
    digest = wanted[0].digest
    signed = {public_key(secret): sign(secret, digest, ZEROS) for secret in CHARTER.values()}
    signed[bls.sk_to_pk(GROUP)] = bls.sign(GROUP, digest)
    given = approval(None, [items_for(policy, signed) for policy in policies_of(TIERS)])
    chain.created = chain.send(chain.signed(build_create(TIERS, sponsor), given))
    chain.mine(chain.transfer(ALICE, BOB.lock, 40_000_000))
    chain.send(chain.deposit(ALICE, 50_000, BTM, b"\x01" * 64))
    chain.grow(30)
    return chain


def two_tier_net(folder: Path, held: tuple[tuple[str, ...], ...]) -> Net:
    return Net(folder, _founded().copy(), terms=TIERS, charter=CHARTER, held=held)
