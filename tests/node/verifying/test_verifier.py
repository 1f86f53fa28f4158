"""Checks verified beside the work: all hold, or the first that does not is named, whatever dies."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import IO

import pytest
import trio

from bystack.ledger.checks import SignatureWrong
from bystack.ledger.effects import BlsCheck, Check, SchnorrCheck
from bystack.node.verifying import verifier
from bystack.node.verifying.verifier import CHUNK, ENOUGH, Verifier
from bystack.primitives import bls
from tests.ledger.people import ALICE

GROUP = bls.key_gen(b"\x07" * 32)
PATIENCE = 180.0


def schnorr(number: int) -> SchnorrCheck:
    digest = number.to_bytes(32, "big")
    return SchnorrCheck(ALICE.policy.key, digest, ALICE.sign(digest))


def pairing(number: int) -> BlsCheck:
    digest = number.to_bytes(32, "big")
    return BlsCheck(bls.sk_to_pk(GROUP), digest, bls.sign(GROUP, digest))


MANY: list[Check] = [*(schnorr(n) for n in range(150)), *(pairing(n) for n in range(5))]
BLOCK: list[Check] = [schnorr(n) for n in range(ENOUGH + 3 * CHUNK + 7)]


def spoilt(checks: list[Check], place: int) -> list[Check]:
    wrong = checks[place]._replace(digest=b"\xff" * 32)
    return [*checks[:place], wrong, *checks[place + 1 :]]


def first_wrong(one: Verifier, checks: list[Check], step: int = 3) -> int | None:
    with one.verification() as work:
        for at in range(0, len(checks), step):
            work.add(checks[at : at + step])
        return work.wrong()


@pytest.fixture
def two() -> Iterator[Verifier]:
    """Two cores, so with a process."""
    one = Verifier(2)
    yield one
    one.close()


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 150, 155])
def test_checks_that_hold(workers: int, count: int) -> None:
    trio.run(Verifier(workers).require, MANY[:count])


@pytest.mark.parametrize("place", [0, 3, 77, 149, 151, 154])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_wrong_one_is_named_and_not_remembered(workers: int, place: int) -> None:
    checks = spoilt(MANY, place)

    async def main() -> None:
        one = Verifier(workers)
        for _ in range(2):
            with pytest.raises(SignatureWrong) as error:
                await one.require(checks)
            assert error.value.facts == {"index": place, "key": checks[place].key}
        await one.require(MANY)

    trio.run(main)


def test_of_several_wrong_ones_the_first_is_named() -> None:
    checks = spoilt(spoilt(spoilt(MANY, 152), 140), 139)
    assert first_wrong(Verifier(1), checks) == first_wrong(Verifier(2), checks) == 139


def test_what_held_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        one = Verifier(2)
        await one.require(MANY)
        monkeypatch.setattr(verifier, "first_wrong", lambda records: 0)
        monkeypatch.setattr(verifier, "failed", lambda checks: 0 if checks else None)
        await one.require(MANY[10:20])
        await one.require(MANY)
        assert one.holds(MANY)
        with pytest.raises(SignatureWrong):
            await one.require([schnorr(999)])

    trio.run(main)


def test_a_work_names_what_is_to_be_remembered() -> None:
    one = Verifier(1)
    with one.verification() as work:
        work.add(MANY)
        assert work.wrong() is None
        one.remember(work.names)
    with one.verification() as work:
        work.add(spoilt(MANY, 5))
        assert len(work.names) == 1
        assert work.wrong() == 5


def test_the_process_is_started_for_many_checks_only(two: Verifier) -> None:
    assert first_wrong(two, BLOCK[: ENOUGH - 1]) is None
    assert two._lane._process is None
    assert first_wrong(two, BLOCK) is None
    assert two._lane._process is not None
    alone = Verifier(1)
    assert first_wrong(alone, BLOCK) is None
    assert alone._lane._process is None


def test_a_wrong_signature_at_each_place(two: Verifier) -> None:
    """At the front (the process), at the end (here), at every border of a chunk."""
    borders = [at + by for at in range(0, len(BLOCK), CHUNK) for by in (-1, 0, 1)]
    for place in (at for at in borders if 0 <= at < len(BLOCK)):
        assert first_wrong(two, spoilt(BLOCK, place), step=97) == place
    assert first_wrong(two, spoilt(spoilt(BLOCK, 1500), 300)) == 300
    assert first_wrong(two, BLOCK) is None


def test_what_is_left_on_the_way_by_one_work_is_no_answer_for_the_next(two: Verifier) -> None:
    with two.verification() as work:
        work.add(spoilt(BLOCK, 0))
    assert first_wrong(two, BLOCK) is None
    assert first_wrong(two, spoilt(BLOCK, 2)) == 2


def test_of_two_works_at_once_one_has_the_process(two: Verifier) -> None:
    with two.verification() as one, two.verification() as other:
        one.add(BLOCK)
        other.add(spoilt(BLOCK, 1))
        assert other.wrong() == 1
        assert one.wrong() is None


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("place", [None, 0, ENOUGH, len(BLOCK) - 1])
def test_a_process_that_dies_or_hangs_is_done_without_and_replaced(
    two: Verifier, number: signal.Signals, place: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = BLOCK if place is None else spoilt(BLOCK, place)
    first_wrong(two, BLOCK)
    process = two._lane._process
    assert process is not None
    with two.verification() as work:
        work.add(checks[:ENOUGH])
        process.send_signal(number)
        if number == signal.SIGKILL:
            until(lambda: process.poll() is not None)
        work.add(checks[ENOUGH:])
        assert work.wrong() == place
    monkeypatch.setattr("bystack.node.verifying.lane.HUNG_SECONDS", -1.0)
    assert first_wrong(two, checks) == place
    assert two._lane._process is not process


def test_a_process_that_says_all_holds_is_believed_for_its_own_chunks_only(two: Verifier) -> None:
    """What was sent to one that died is verified here, even if answers of it were on the way."""
    for _ in range(3):
        with two.verification() as work:
            work.add(spoilt(BLOCK, 0))
            two._lane.stop()
            assert work.wrong() == 0


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_what_could_not_be_verified_does_not_hold(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(checks: list[Check]) -> None:
        raise MemoryError

    monkeypatch.setattr(verifier, "failed", out_of_memory)
    with Verifier(workers).verification() as work:
        work.add(MANY[-5:])
        with pytest.raises(MemoryError):
            work.wrong()


def test_a_chunk_cut_short_ends_the_process(two: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would take what follows for the rest of the chunk."""
    first_wrong(two, BLOCK)
    process = two._lane._process
    assert process is not None and process.stdin is not None
    written = process.stdin.write

    def cut(chunk: bytes) -> int:
        return written(chunk[:-1])

    monkeypatch.setattr(process, "stdin", Cut(process.stdin, cut))
    assert first_wrong(two, spoilt(BLOCK, 0)) == 0
    assert process.poll() is not None


class Cut:
    """A pipe whose writes a signal interrupts."""

    def __init__(self, pipe: IO[bytes], write: Callable[[bytes], int]) -> None:
        self._pipe, self.write = pipe, write

    def __getattr__(self, name: str) -> object:
        return getattr(self._pipe, name)
