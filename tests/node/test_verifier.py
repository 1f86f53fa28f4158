"""Checks in threads: all hold, or the first that does not is named; what held is not done again."""

from __future__ import annotations

import pytest
import trio

from bystack.ledger.checks import SignatureWrong
from bystack.ledger.effects import BlsCheck, Check, SchnorrCheck
from bystack.node import verifier
from bystack.node.verifier import Verifier, parts
from bystack.primitives import bls
from tests.ledger.people import ALICE

GROUP = bls.key_gen(b"\x07" * 32)


def schnorr(number: int) -> SchnorrCheck:
    digest = number.to_bytes(32, "big")
    return SchnorrCheck(ALICE.policy.key, digest, ALICE.sign(digest))


def pairing(number: int) -> BlsCheck:
    digest = number.to_bytes(32, "big")
    return BlsCheck(bls.sk_to_pk(GROUP), digest, bls.sign(GROUP, digest))


MANY: list[Check] = [*(schnorr(n) for n in range(150)), *(pairing(n) for n in range(5))]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 150, 155])
def test_checks_that_hold(count: int) -> None:
    trio.run(Verifier(2).require, MANY[:count])


@pytest.mark.parametrize("place", [0, 3, 77, 149, 151, 154])
def test_the_wrong_one_is_named_and_not_remembered(place: int) -> None:
    wrong = MANY[place]._replace(digest=b"\xff" * 32)
    checks = [*MANY[:place], wrong, *MANY[place + 1 :]]

    async def main() -> None:
        one = Verifier(2)
        for _ in range(2):
            with pytest.raises(SignatureWrong) as error:
                await one.require(checks)
            assert error.value.facts == {"index": place, "key": wrong.key}
        await one.require(MANY)

    trio.run(main)


def test_what_held_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        one = Verifier(2)
        await one.require(MANY)
        monkeypatch.setattr(verifier, "_wrong", lambda checks: checks[0] if checks else None)
        await one.require(MANY[10:20])
        with pytest.raises(SignatureWrong):
            await one.require([schnorr(999)])

    trio.run(main)


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_parts_hold_every_check_once_and_one_kind_each(workers: int) -> None:
    cut = parts(MANY, workers)
    assert sorted(check for part in cut for check in part) == sorted(MANY)
    assert all(len({type(check) for check in part}) == 1 for part in cut)
