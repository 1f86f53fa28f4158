"""The attacks of `background/crypto.md` section 7 on dealings, each up to the rule that refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.federation.dealing import (
    LowOrderKey,
    Pair,
    ProofWrong,
    ShareOffPolynomial,
    ShareUnreadable,
    check_proof,
    check_share,
    check_x25519,
    commit,
    evaluate,
    expand,
    polynomial,
    prove,
    scalar,
    x25519_public,
)
from bystack.federation.messages import Proof, Public, SealedShare
from bystack.primitives import bls
from bystack.primitives.curve import INFINITY, ORDER, g1_add, g1_mul, g1_scale, lagrange_at_zero
from bystack.primitives.hashes import fixed, tagged

from .stage import dice

SESSION, OTHER = dice("session"), dice("other session")
COEFFICIENTS = polynomial(dice("seed"), SESSION, 3)
PUBLIC = Public(0, commit(COEFFICIENTS), (prove(SESSION, 0, COEFFICIENTS[0], 99),))
RECIPIENT = dice("recipient")
KEY = x25519_public(RECIPIENT)


def sealed_for(pair: Pair, index: int, share: int) -> SealedShare:
    return SealedShare(index, *pair.seal(dice("ephemeral"), KEY, share))


def unseal(pair: Pair, sealed: SealedShare, secret: bytes = RECIPIENT) -> bytes:
    return pair.unseal(secret, sealed.key, sealed, x25519_public(secret))


def test_secrets_differ_by_seed_session_and_purpose():
    made = [
        expand(dice(1), SESSION, b"a"),
        expand(dice(2), SESSION, b"a"),
        expand(dice(1), OTHER, b"a"),
        expand(dice(1), SESSION, b"b"),
    ]
    assert len(set(made)) == 4
    assert scalar(dice(1), SESSION, b"a") < ORDER
    assert len(set(COEFFICIENTS)) == 3 and COEFFICIENTS[:2] == polynomial(dice("seed"), SESSION, 2)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 65535))
def test_a_share_is_on_the_committed_polynomial(index):
    share = fixed(evaluate(COEFFICIENTS, index), 32)
    assert check_share(PUBLIC, index, share) == int.from_bytes(share, "big")
    with pytest.raises(ShareOffPolynomial):
        check_share(PUBLIC, index % 65535 + 1, share)


def test_a_share_has_one_form():
    value = next(v for i in range(1, 99) if (v := evaluate(COEFFICIENTS, i)) + ORDER < 2**256)
    index = next(i for i in range(1, 99) if evaluate(COEFFICIENTS, i) == value)
    check_share(PUBLIC, index, fixed(value, 32))
    with pytest.raises(ShareOffPolynomial):
        check_share(PUBLIC, index, fixed(value + ORDER, 32))


def test_threshold_raise_would_pass_every_share_check():
    """Attack 1 (K08): with two commitments more, shares verify and three signers fail.

    So nothing but the length check stops it: `tests/federation/test_ceremony.py` shows it refused.
    """
    long = polynomial(dice("long"), SESSION, 5)
    sums = [evaluate(COEFFICIENTS, i) + evaluate(long, i) for i in range(1, 6)]
    for index in range(1, 6):
        check_share(Public(0, commit(long), ()), index, fixed(evaluate(long, index), 32))
    key = g1_add((PUBLIC.commitments[0], commit(long)[0]))

    def signature(count: int) -> bytes:
        return bls.combine(
            {i + 1: bls.sign(fixed(sums[i] % ORDER, 32), b"m") for i in range(count)}
        )

    assert not bls.verify(key, b"m", signature(3))
    assert bls.verify(key, b"m", signature(5))


def test_the_proof_holds_for_its_own_statement_only():
    """Attacks 3 and 4: no proof without the constant, and none under another seat or session."""
    constant, proof = PUBLIC.commitments[0], PUBLIC.proof[0]
    check_proof(SESSION, 0, constant, proof)
    for session, dealer, point in (
        (OTHER, 0, constant),
        (SESSION, 1, constant),
        (SESSION, 0, g1_mul(5)),
        (SESSION, 0, g1_add((constant, g1_mul(1)))),
    ):
        with pytest.raises(ProofWrong):
            check_proof(session, dealer, point, proof)


@pytest.mark.parametrize(
    "proof",
    [
        Proof(INFINITY, PUBLIC.proof[0].response),
        Proof(bytes(48), PUBLIC.proof[0].response),
        Proof(g1_mul(7), PUBLIC.proof[0].response),
        Proof(PUBLIC.proof[0].nonce, bytes(32)),
        Proof(PUBLIC.proof[0].nonce, b"\xff" * 32),
    ],
)
def test_malformed_proofs_are_refused(proof):
    with pytest.raises(ProofWrong):
        check_proof(SESSION, 0, PUBLIC.commitments[0], proof)


def test_weak_fiat_shamir_forgery_fails():
    """Attack 5 ("Frozen Heart"): if the challenge left out the constant, anyone could choose the
    constant after the challenge and so "prove" a key made of other people's."""
    nonce, answer = g1_mul(3), 11
    weak = b"".join(
        tagged(f"dkg/proof/{n}")(SESSION, fixed(0, 2), nonce) for n in range(2)
    )  # what a challenge without the constant would be
    challenge = int.from_bytes(weak, "big") % ORDER
    difference = g1_add((g1_mul(answer), g1_scale(nonce, ORDER - 1)))
    rogue = g1_scale(difference, pow(challenge, -1, ORDER))
    assert g1_mul(answer) == g1_add((nonce, g1_scale(rogue, challenge)))  # it would have verified
    with pytest.raises(ProofWrong):
        check_proof(SESSION, 0, rogue, Proof(nonce, fixed(answer, 32)))


def test_a_response_beyond_the_order_is_refused():
    value = 0
    constant = COEFFICIENTS[0]
    while True:
        value += 1
        proof = prove(SESSION, 0, constant, value)
        response = int.from_bytes(proof.response, "big") + ORDER
        if response < 2**256:
            break
    with pytest.raises(ProofWrong):
        check_proof(SESSION, 0, PUBLIC.commitments[0], Proof(proof.nonce, fixed(response, 32)))


@pytest.mark.parametrize("index", [0, -1, 65536, ORDER, ORDER + 1])
def test_index_zero_and_its_aliases_reveal_nothing(index):
    """Attack 6: the share of index 0 is the secret, and i + r is i again."""
    share = fixed(evaluate(COEFFICIENTS, index), 32)
    with pytest.raises(Exception, match="IndexInvalid"):
        check_share(PUBLIC, index, share)
    with pytest.raises(Exception, match="IndexInvalid"):
        lagrange_at_zero([1, index])


def test_a_sealed_share_opens_for_its_pair_only():
    """Attack 8: moved to another session, dealer, dealing or index, it does not open."""
    pair = Pair(SESSION, 0, PUBLIC, 1)
    sealed = sealed_for(pair, 1, 42)
    assert unseal(pair, sealed) == fixed(42, 32)
    other = replace(PUBLIC, commitments=PUBLIC.commitments[:2])
    for wrong in (
        Pair(OTHER, 0, PUBLIC, 1),
        Pair(SESSION, 1, PUBLIC, 1),
        Pair(SESSION, 0, other, 1),
        Pair(SESSION, 0, replace(PUBLIC, source=1), 1),
        Pair(SESSION, 0, PUBLIC, 2),
    ):
        with pytest.raises(ShareUnreadable):
            unseal(wrong, sealed)
    with pytest.raises(ShareUnreadable):
        unseal(pair, sealed, dice("another recipient"))


def test_the_dealer_side_opens_the_same():
    pair = Pair(SESSION, 0, PUBLIC, 1)
    sealed = sealed_for(pair, 1, 42)
    assert pair.unseal(dice("ephemeral"), KEY, sealed, KEY) == fixed(42, 32)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 383), st.integers(0, 255))
def test_no_bit_of_a_sealed_share_can_change(bit, key_bit):
    pair = Pair(SESSION, 0, PUBLIC, 1)
    sealed = sealed_for(pair, 1, 42)

    def flipped(data: bytes, at: int) -> bytes:
        return (int.from_bytes(data, "big") ^ 1 << at).to_bytes(len(data), "big")

    for wrong in (
        replace(sealed, sealed=flipped(sealed.sealed, bit)),
        replace(sealed, key=flipped(sealed.key, key_bit)),
    ):
        with pytest.raises(ShareUnreadable):
            unseal(pair, wrong)


# The points of small order on Curve25519 and its twist, canonical and not (RFC 7748 section 6.1).
SMALL = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    2**255 - 20,
    2**255 - 19,
    2**255 - 18,
    2**255 - 1,
    2**256 - 1,
]


@pytest.mark.parametrize("value", SMALL)
def test_low_order_and_wide_x25519_keys_are_refused(value):
    with pytest.raises(LowOrderKey):
        check_x25519(value.to_bytes(32, "little"))


def test_an_honest_x25519_key_passes():
    for n in range(50):
        check_x25519(x25519_public(dice(n)))
