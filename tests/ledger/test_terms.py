"""Which terms a vault may have."""

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.policies import After, All, Any, Bls, Key, Older, PolicyInvalid, Sha256, Thresh
from bystack.ledger.terms import (
    MAX_BLOCKS,
    MAX_TERMS,
    Govern,
    Guard,
    Limit,
    Recover,
    Terms,
    TermsInvalid,
    Tier,
    check_terms,
    decode_terms,
    keys_of,
    policies_of,
    terms_hash,
)
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.ledger.vault_world import key, new_terms, usual_terms
from tests.wire import check_wire

T = usual_terms()


def tiers(*given: Tier) -> Terms:
    return replace(T, tiers=given)


def limited(capacity: int, refill: int, period: int) -> Terms:
    return tiers(Tier(key("op"), (Limit(BTM, capacity, refill, period),), 0))


def first_policy(policy: object) -> Terms:
    return replace(T, tiers=(replace(T.tiers[0], policy=policy), *T.tiers[1:]))


def nested(depth: int) -> All:
    policy = All((key("op"),))
    for _ in range(depth):
        policy = All((policy,))
    return policy


@pytest.mark.parametrize(
    "terms",
    [
        T,
        new_terms(),
        tiers(Tier(key("op"), (), 144)),
        tiers(*(Tier(key("op"), (), 144),) * 8),
        limited(1, 1, 1),
        limited(2**63 - 1, 2**63 - 1, MAX_BLOCKS),
        replace(T, guard=replace(T.guard, freeze=4032)),
        replace(T, guard=replace(T.guard, freeze=1)),
        first_policy(Any((key("op"), Bls(b"\x01" * 48)))),
        first_policy(nested(6)),
    ],
)
def test_valid(terms: Terms) -> None:
    check_terms(terms)
    assert decode_terms(encode(terms)) == terms


@pytest.mark.parametrize(
    "terms",
    [
        tiers(Tier(key("op"), (), 143)),
        tiers(Tier(key("op"), (), 0)),
        tiers(Tier(key("op"), (), MAX_BLOCKS + 1)),
        limited(0, 1, 1),
        limited(1, 0, 1),
        limited(1, 1, 0),
        limited(1, 1, MAX_BLOCKS + 1),
        tiers(Tier(key("op"), (Limit(BTM, 1, 1, 1), Limit(BTM, 2, 2, 2)), 0)),
        replace(T, guard=replace(T.guard, freeze=0)),
        replace(T, guard=replace(T.guard, freeze=4033)),
        replace(T, govern=Govern(T.govern.policy, 0)),
        replace(T, govern=Govern(T.govern.policy, MAX_BLOCKS + 1)),
        replace(T, recover=Recover(T.recover.policy, 0)),
        replace(T, recover=Recover(T.recover.policy, MAX_BLOCKS + 1)),
        first_policy(After(1)),
        first_policy(All((key("op"), Older(1)))),
        first_policy(Any((key("op"), Sha256(bytes(32))))),
        replace(T, guard=Guard(key("op"), 20)),
        replace(T, guard=Guard(key("s1"), 20)),
        replace(T, recover=Recover(key("op"), 20)),
        replace(T, recover=Recover(Any((key("r1"), key("g1"))), 20)),
        replace(T, govern=Govern(key("g1"), 20)),
        replace(T, govern=Govern(key("r1"), 20)),
    ],
)
def test_invalid(terms: Terms) -> None:
    with pytest.raises(TermsInvalid):
        check_terms(terms)


@pytest.mark.parametrize(
    "policy",
    [
        Thresh(0, (key("op"),)),
        Thresh(2, (key("op"),)),
        All((All((key("op"),)),) * 32),
        All((key("op"),) * 33),
    ],
)
def test_policies_out_of_bounds(policy: object) -> None:
    with pytest.raises(PolicyInvalid):
        check_terms(first_policy(policy))


def test_policies_together_are_bounded() -> None:
    many = [All(tuple(Bls(bytes([n, i]) * 24) for i in range(32))) for n in range(11)]
    terms = replace(
        tiers(*(Tier(policy, (), 144) for policy in many[:8])),
        guard=Guard(many[8], 9),
        govern=Govern(many[9], 9),
        recover=Recover(many[10], 9),
    )
    assert sum(len(encode(policy)) for policy in many) > 16_384
    with pytest.raises(TermsInvalid):
        check_terms(terms)
    check_terms(replace(terms, tiers=terms.tiers[:2]))


def test_terms_that_could_not_be_revealed_are_none() -> None:
    """Policies of 15 KiB and 128 limits, each within its own bound, are too long to reveal."""
    wide = [All(tuple(Bls(bytes([n, i]) * 24) for i in range(28))) for n in range(10)]
    limits = tuple(Limit(bytes([n]) * 32, 2**60, 2**60, 2**32) for n in range(16))
    full = tiers(*(Tier(policy, limits, 0) for policy in wide[:8]))
    terms = replace(full, guard=Guard(wide[8], 9), recover=Recover(wide[9], 9))
    assert sum(len(encode(policy)) for policy in policies_of(terms)) < 16_384
    with pytest.raises(TermsInvalid, match="length"):
        check_terms(terms)
    fewer = replace(terms, tiers=terms.tiers[:6])
    check_terms(fewer)
    assert len(encode(fewer)) <= MAX_TERMS < len(encode(terms))
    assert decode_terms(encode(fewer)) == fewer


@pytest.mark.parametrize("count", [0, 9])
def test_one_to_eight_tiers(count: int) -> None:
    with pytest.raises(Invalid):
        decode_terms(encode(tiers(*(Tier(key("op"), (), 144),) * count)))


def test_at_most_sixteen_limits() -> None:
    limits = tuple(Limit(bytes([n]) * 32, 1, 1, 1) for n in range(17))
    check_terms(decode_terms(encode(tiers(Tier(key("op"), limits[:16], 0)))))
    with pytest.raises(Invalid):
        decode_terms(encode(tiers(Tier(key("op"), limits, 0))))


def test_policies_in_order() -> None:
    assert policies_of(T)[:3] == tuple(tier.policy for tier in T.tiers)
    assert policies_of(T)[3:] == (T.guard.policy, T.govern.policy, T.recover.policy)
    op = Key(key("op").key)
    assert list(keys_of(All((op, Thresh(1, (op, key("s1"))))))) == [op.key, op.key, key("s1").key]


def test_bytes() -> None:
    check_wire("terms", T)
    assert terms_hash(T) != terms_hash(new_terms())
