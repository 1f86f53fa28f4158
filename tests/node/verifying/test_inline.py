"""Signatures verified in place: every one, each once, in slices that others may come between."""

from __future__ import annotations

import pytest
import trio

from bystack.ledger import checks as rules
from bystack.ledger.checks import SignatureWrong
from bystack.ledger.effects import BlsCheck, Check, SchnorrCheck
from bystack.node.verifying import inline
from bystack.node.verifying.inline import SLICE, InlineVerifier
from bystack.primitives import bls
from bystack.primitives.keys import public_key, sign

SECRET = bytes(31) + b"\x07"
KEY = public_key(SECRET)


def check(number: int) -> SchnorrCheck:
    digest = number.to_bytes(32, "big")
    return SchnorrCheck(KEY, digest, sign(SECRET, digest, bytes(32)))


CHECKS = [check(number) for number in range(SLICE + 6)]


def test_all_that_hold_are_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = list[int]()

    def counted(checks: object) -> int | None:
        made.append(len(checks))  # type: ignore[arg-type]
        return rules.failed(checks)  # type: ignore[arg-type]

    monkeypatch.setattr(inline, "failed", counted)
    verifier = InlineVerifier(1)
    trio.run(verifier.require, CHECKS)
    trio.run(verifier.require, CHECKS)
    assert made == [SLICE, 6]
    assert verifier.holds(CHECKS)


@pytest.mark.parametrize("place", [0, SLICE - 1, SLICE, SLICE + 5])
def test_a_wrong_one_is_named_wherever_it_stands(place: int) -> None:
    wrong = CHECKS[place]._replace(signature=CHECKS[place - 1].signature)
    given = [*CHECKS[:place], wrong, *CHECKS[place + 1 :]]
    with pytest.raises(SignatureWrong) as raised:
        trio.run(InlineVerifier(1).require, given)
    assert raised.value.facts["index"] == place


def test_bls_checks_are_made_too() -> None:
    secret = bls.key_gen(bytes(32))
    good = BlsCheck(bls.sk_to_pk(secret), bytes(32), bls.sign(secret, bytes(32)))
    given: list[Check] = [CHECKS[0], good]
    trio.run(InlineVerifier(1).require, given)
    given[1] = good._replace(digest=b"\x01" * 32)
    with pytest.raises(SignatureWrong):
        trio.run(InlineVerifier(1).require, given)
