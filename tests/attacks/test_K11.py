"""K11 Rotation to a set with a typo or a dead key: new terms name a key that nobody holds.

Terms come into force with a signature of every policy that the present ones do not have: whoever
cannot sign cannot lock the vault. The invariant: until the new keys have signed, the old ones pay,
and the announcement can be withdrawn and made anew.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.federation.certificates import PossessionUnproved
from bystack.federation.module.decisions import NewKey
from bystack.federation.module.membership import coming_key
from bystack.federation.module.records import key_of
from bystack.ledger.checks import SignatureWrong
from bystack.ledger.policies import All, Policy, Thresh
from bystack.ledger.satisfaction import PolicyUnsatisfied
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.vault_approvals import demands
from bystack.ledger.vault_building import approval
from bystack.ledger.vault_errors import NewKeysUnsigned
from bystack.ledger.vault_operations import (
    Adopt,
    AnchorOperation,
    Announce,
    Cancel,
    Recover,
    Replace,
)
from bystack.primitives.keys import sign
from tests.federation.module.parliament import Parliament, certificate_of
from tests.ledger.vault_world import (
    CHAIN,
    EVERYBODY,
    ZEROS,
    World,
    approved_by,
    key,
    new_terms,
    pay,
    secret,
    usual_terms,
)

DEAD = "n2"
HELD = EVERYBODY - {DEAD}


def named(role: str, policy: Policy) -> Terms:
    """The usual terms with another policy for one role."""
    terms = usual_terms()
    match role:
        case "tier":
            return replace(terms, tiers=(replace(terms.tiers[0], policy=policy), *terms.tiers[1:]))
        case _:
            return replace(terms, **{role: replace(getattr(terms, role), policy=policy)})


ROLES = ("tier", "guard", "govern", "recover")
TYPOS = {role: named(role, key(DEAD)) for role in ROLES}


@pytest.fixture
def world() -> World:
    world = World()
    world.fill_buckets()
    return world


def announced(world: World, terms: Terms) -> None:
    world.submit(world.spend(Announce(world.state.seq, terms_hash(terms)), HELD))
    world.height += world.terms.govern.delay


def pays(world: World) -> None:
    """The keys that are held pay out under the terms in force."""
    before = world.state.seq
    world.submit(world.order([pay(5)], [world.deposit(9)]))
    assert world.state.seq == before + 1
    assert world.state.terms == terms_hash(world.terms)


@pytest.mark.parametrize("role", ROLES)
def test_k11_a_dead_key_never_comes_into_force_and_the_old_ones_pay(
    world: World, role: str
) -> None:
    announced(world, TYPOS[role])
    for _ in range(2):
        with pytest.raises(NewKeysUnsigned):
            world.judge(world.spend(Adopt(TYPOS[role]), HELD))
        pays(world)
        world.height += 1_000  # however long it stands there
    assert world.state.terms == terms_hash(usual_terms())


@pytest.mark.parametrize("role", ROLES)
def test_k11_nor_by_replacement_or_recovery(world: World, role: str) -> None:
    world.height += usual_terms().recover.idle
    turn, terms = world.state.since, TYPOS[role]
    operations: tuple[AnchorOperation, ...] = (Replace(turn, terms), Recover(turn, terms))
    for operation in operations:
        with pytest.raises(NewKeysUnsigned):
            world.judge(world.spend(operation, HELD))
    pays(world)


def test_k11_an_old_keys_signature_does_not_stand_for_the_new_ones(world: World) -> None:
    """The very digest the new key should sign, signed by the one it replaces."""
    adopt = Adopt(TYPOS["tier"])
    announced(world, adopt.terms)
    given = [
        (sign(secret("op"), one.digest, ZEROS),)
        for one in demands(CHAIN, world.vault, adopt, world.terms)
    ]
    assert len(given) == 1
    good = world.spend(adopt)
    with pytest.raises(SignatureWrong):
        world.judge(approved_by(good, approval(world.terms, tuple(given))))
    world.judge(good)
    pays(world)


def test_k11_it_is_withdrawn_and_announced_anew(world: World) -> None:
    announced(world, TYPOS["tier"])
    world.submit(world.spend(Cancel(world.state.turn, terms_hash(TYPOS["tier"])), HELD))
    announced(world, new_terms())
    world.submit(world.spend(Adopt(new_terms()), HELD))
    assert world.state.terms == terms_hash(new_terms())
    world.terms = new_terms()
    pays(world)


def test_k11_or_announced_over_without_the_guard(world: World) -> None:
    announced(world, TYPOS["tier"])
    announced(world, new_terms())
    world.submit(world.spend(Adopt(new_terms()), HELD))
    assert world.state.terms == terms_hash(new_terms())


def test_k11_half_dead_is_enough_if_the_rest_can_sign(world: World) -> None:
    """One of two guards' keys is a typo: the other signs, as it will have to in earnest."""
    terms = named("guard", Thresh(1, (key(DEAD), key("n3"))))
    announced(world, terms)
    world.submit(world.spend(Adopt(terms), HELD))
    assert world.state.terms == terms_hash(terms)


def test_k11_one_of_two_that_must_both_sign_does_not_stand_for_the_other(world: World) -> None:
    """What is there is a good signature, of the key next to the dead one."""
    adopt = Adopt(named("tier", All((key(DEAD), key("n3")))))
    announced(world, adopt.terms)
    good = world.spend(adopt)
    (accepting,) = demands(CHAIN, world.vault, adopt, world.terms)
    lone = (b"", sign(secret("n3"), accepting.digest, ZEROS))
    with pytest.raises(PolicyUnsatisfied):
        world.judge(approved_by(good, approval(world.terms, (lone,))))
    pays(world)


def test_k11_a_new_group_key_exists_only_with_its_possession_proved() -> None:
    """On the sidechain: no certificate, no key to come; the one in force stays."""

    house = Parliament()
    before = key_of(house.state)
    house.enact(NewKey())
    dead = replace(certificate_of(house.session(), seed=60), proof=bytes(96))
    with pytest.raises(PossessionUnproved):
        house.world.block(house.certify_tx(dead))
    assert key_of(house.state) == before and coming_key(house.state) is None
