"""Signature checks: all hold, or the one that does not is pointed at."""

from __future__ import annotations

import pytest

from bystack.ledger.checks import SignatureWrong, Verified, failed, require, verify_checks
from bystack.ledger.effects import BlsCheck, Check, SchnorrCheck
from bystack.primitives import bls
from tests.ledger.people import ALICE, BOB

DIGEST, OTHER = b"\x0d" * 32, b"\x0e" * 32
SECRETS = [bls.key_gen(bytes([n]) * 32) for n in (1, 2)]


def schnorr(digest: bytes = DIGEST) -> SchnorrCheck:
    return SchnorrCheck(ALICE.policy.key, digest, ALICE.sign(DIGEST))


def pairing(number: int, digest: bytes = DIGEST) -> BlsCheck:
    secret = SECRETS[number]
    return BlsCheck(bls.sk_to_pk(secret), digest, bls.sign(secret, DIGEST))


GOOD: tuple[Check, ...] = (schnorr(), pairing(0), schnorr(), pairing(1))


def test_good_checks_hold() -> None:
    assert verify_checks(())
    assert verify_checks(GOOD)
    assert verify_checks(GOOD[:2])
    assert failed(GOOD) is None
    require(GOOD)


@pytest.mark.parametrize(
    ("at", "bad"),
    [
        (0, schnorr(OTHER)),
        (2, SchnorrCheck(BOB.policy.key, DIGEST, ALICE.sign(DIGEST))),
        (2, SchnorrCheck(b"\xff" * 32, DIGEST, bytes(64))),
        (1, pairing(0, OTHER)),
        (3, pairing(1, OTHER)),
        (3, BlsCheck(b"\xff" * 48, DIGEST, bytes(96))),
    ],
)
def test_the_bad_one_is_named(at: int, bad: Check) -> None:
    checks = [*GOOD[:at], bad, *GOOD[at + 1 :]]
    assert failed(checks) == at
    assert not verify_checks(checks)
    with pytest.raises(SignatureWrong) as caught:
        require(checks)
    assert caught.value.index == at


def test_what_held_is_not_verified_again() -> None:
    known = Verified(limit=10)
    assert known.unknown(GOOD) == GOOD
    known.remember(GOOD[:2])
    assert known.unknown((GOOD[1], pairing(1), pairing(0, OTHER))) == (
        pairing(1),
        pairing(0, OTHER),
    )


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    known = Verified(limit=3)
    checks = [SchnorrCheck(bytes(32), n.to_bytes(32, "big"), bytes(64)) for n in range(5)]
    for check in checks:
        known.remember([check])
    assert len(known) == 3
    assert known.unknown(checks) == tuple(checks[:2])


def test_the_parts_of_a_check_are_told_apart() -> None:
    known = Verified()
    known.remember([SchnorrCheck(b"ab", b"c", b"d")])
    for other in (SchnorrCheck(b"a", b"bc", b"d"), SchnorrCheck(b"ab", b"cd", b"")):
        assert known.unknown([other]) == (other,)
