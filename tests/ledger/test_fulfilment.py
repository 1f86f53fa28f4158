"""From signatures to a witness: it satisfies the policy, and fails only when none can."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.checks import verify_checks
from bystack.ledger.fulfilment import SignaturesInsufficient, items_for, leaves
from bystack.ledger.policies import After, All, Any, Bls, Key, Policy, Thresh
from bystack.ledger.satisfaction import Context, satisfies
from bystack.primitives import bls
from bystack.primitives.keys import public_key, sign

DIGEST = b"\x0d" * 32
SECRETS = [bytes([n]) * 32 for n in range(1, 6)]
KEYS = [public_key(secret) for secret in SECRETS]
SIGNED = {key: sign(secret, DIGEST, bytes(32)) for key, secret in zip(KEYS, SECRETS, strict=True)}
GROUP = bls.key_gen(b"group" * 8)
GROUP_KEY = bls.sk_to_pk(GROUP)
SIGNED_ALL = {**SIGNED, GROUP_KEY: bls.sign(GROUP, DIGEST)}

A, B, C, D, E = (Key(key) for key in KEYS)


def good(policy: Policy, signatures) -> bool:
    items = items_for(policy, signatures)
    assert len(items) == leaves(policy)
    return verify_checks(satisfies(policy, items, Context(9, 9, DIGEST)))


@pytest.mark.parametrize(
    ("policy", "held", "expected"),
    [
        (A, [A], [A]),
        (A, [B], None),
        (Bls(GROUP_KEY), [GROUP_KEY], [GROUP_KEY]),
        (Thresh(2, (A, B, C)), [C, A], [A, None, C]),
        (Thresh(2, (A, B, C)), [A, B, C], [A, B, None]),  # thresholds are met exactly
        (Thresh(2, (A, B, C)), [B], None),
        (All((A, B)), [B, A], [A, B]),
        (All((A, B)), [A], None),
        (Any((A, B)), [B, A], [A, None]),
        (Any((A, B)), [C], None),
        (All((Bls(GROUP_KEY), Thresh(1, (A, B)))), [GROUP_KEY, B], [GROUP_KEY, None, B]),
        (Any((All((A, B)), C)), [A, C], [None, None, C]),  # a half-signed branch is left empty
        (Thresh(1, (Thresh(2, (A, B)), All((C, D)))), [A, C, D], [None, None, C, D]),
        (All((A, After(5))), [A], None),  # times are not for a vault's signers to fill
    ],
)
def test_table(policy: Policy, held, expected) -> None:
    raw = [one.key if isinstance(one, Key) else one for one in held]
    signatures = {key: SIGNED_ALL[key] for key in raw}
    if expected is None:
        with pytest.raises(SignaturesInsufficient):
            items_for(policy, signatures)
        return
    wanted = [one.key if isinstance(one, Key) else one for one in expected]
    assert items_for(policy, signatures) == tuple(
        SIGNED_ALL[key] if key is not None else b"" for key in wanted
    )
    assert good(policy, signatures)


def combine(inner: st.SearchStrategy[Policy]) -> st.SearchStrategy[Policy]:
    subs = st.lists(inner, min_size=1, max_size=3).map(tuple)
    thresh = subs.flatmap(lambda s: st.integers(1, len(s)).map(lambda k: Thresh(k, s)))
    return st.one_of(subs.map(All), subs.map(Any), thresh)


POLICIES = st.recursive(st.sampled_from([A, B, C, D, E]), combine, max_leaves=6)


def possible(policy: Policy, held: set[bytes]) -> bool:
    match policy:
        case Key(key):
            return key in held
        case Thresh(k, subs):
            return sum(possible(sub, held) for sub in subs) >= k
        case All(subs):
            return all(possible(sub, held) for sub in subs)
        case Any(subs):
            return any(possible(sub, held) for sub in subs)
        case _:
            raise AssertionError(policy)


@settings(max_examples=150)
@given(POLICIES, st.sets(st.sampled_from(KEYS)))
def test_it_finds_a_way_exactly_when_there_is_one(policy: Policy, held: set[bytes]) -> None:
    signatures = {key: SIGNED[key] for key in held}
    if possible(policy, held):
        assert good(policy, signatures)
        return
    with pytest.raises(SignaturesInsufficient):
        items_for(policy, signatures)
