"""What docs/protocol/consensus.md says, done by a reader of its own, is what the program does."""

from __future__ import annotations

from itertools import combinations, product
from random import Random

import pytest

from bystack.primitives.codec import encode
from bystack.primitives.hashes import sha256
from bystack.sidechain.consensus.authority.turns import Turns
from bystack.sidechain.consensus.events import Config
from bystack.sidechain.consensus.evidence import detect
from bystack.sidechain.consensus.pace import Pace
from bystack.sidechain.consensus.rounds import view_timeout
from bystack.sidechain.consensus.statements import (
    Aggregate,
    Step,
    Timeout,
    Vote,
    proposal_payload,
    signing_digest,
    timeout_payload,
)
from bystack.sidechain.consensus.topology import base_gateways
from bystack.sidechain.consensus.validators import ValidatorSet, bitmap_of, leader, quorum, weak
from tests.protocol import sidechain_reader as reader
from tests.protocol.sidechain_tables import PAGES
from tests.sidechain.world import validators
from tests.wire import golden

CHAIN = b"\x01" * 32
PAGE = (PAGES / "consensus.md").read_text()


def test_the_pages_examples_follow_from_the_vectors() -> None:
    vote = reader.voted(reader.read(golden("bbft_vote")), CHAIN)
    certificate = reader.certificate_hash(reader.read(golden("bbft_certificate")))
    timeouts = reader.timeouts_hash(reader.read(golden("bbft_timeout_certificate")))
    for value in (vote, certificate, timeouts):
        assert value.hex() in PAGE
    assert [reader.leader(b"\x00" * 31 + b"\x07", 4, 10, view, 1) for view in (0, 1)] == [1, 2]


@pytest.mark.parametrize("step", Step)
def test_what_is_signed(step: Step) -> None:
    block, justify = sha256(b"block"), sha256(b"justify")
    payloads = {
        Step.PROPOSE: proposal_payload(block, justify),
        Step.PREPARE: proposal_payload(block, justify),
        Step.COMMIT: block,
        Step.TIMEOUT: timeout_payload(-1),
    }
    own = {Step.COMMIT: block, Step.TIMEOUT: bytes(8)}.get(step, block + justify)
    assert own == payloads[step]
    place = (3, 2**40, 77)
    assert reader.digest(int(step), CHAIN, place, own) == signing_digest(step, CHAIN, *place, own)


def test_weights_bitmaps_and_leaders() -> None:
    for total in range(1, 500):
        assert (reader.quorum(total), reader.weak(total)) == (quorum(total), weak(total))
    for size in (1, 7, 8, 9, 400):
        named = [i for i in range(size) if i * i % 3]
        assert reader.members(bitmap_of(named, size), size) == named
    with pytest.raises(ValueError, match="bits"):
        reader.members(b"\x20", 5)
    voters = ValidatorSet(2, validators(9))
    assert reader.set_hash(reader.read(encode(voters))) == voters.hash
    for number in range(200):
        seed, place = sha256(b"%d" % number), (number * 37, number % 5)
        per = number % 3 + 1
        assert reader.leader(seed, 9, *place, per) == leader(voters, seed, *place, per)


def test_gateways() -> None:
    for size in range(1, 401):
        seed = sha256(b"%d" % size)
        for wanted in (0, 1, 3, 500):
            assert tuple(reader.gateways(size, seed, wanted)) == base_gateways(size, seed, wanted)


def test_timers() -> None:
    assert [reader.view_timer(1_500, view) for view in range(9)] == [
        view_timeout(1_500, view) for view in range(9)
    ]
    pace, config, measured = Pace(), Config(), list[int]()
    for time in (0, 5, 700, 33, 33, 33, 1, 90, 4_000, 20):
        assert reader.waits(measured, 400) == (pace.fallback(config), pace.gathering(config))
        pace.took(time)
        measured.append(time)
    assert reader.waits(measured, 400) == (pace.fallback(config), pace.gathering(config))


def statements() -> list[Vote | Timeout]:
    """Votes and TIMEOUTs of two validators about two blocks in three views."""
    zero, found = bytes(96), list[Vote | Timeout]()
    for index, view, kind, block, justify in product((0, 1), (0, 1), (1, 2), b"ab", b"xy"):
        hashes = bytes([block]) * 32, bytes([justify]) * 32
        found.append(Vote(kind, 0, 5, view, *hashes, index, zero))
    found += [
        Timeout(0, 5, view, high, (), index, zero)
        for index, view, high in product((0, 1), (0, 1, 2), (-1, 0, 1))
    ]
    return found


def test_what_is_evidence() -> None:
    every = statements()
    proofs = 0
    for first, second in combinations(every, 2):
        kinds = (type(first), type(second))
        expected = detect(first, second) is not None
        own = reader.unlawful(reader.read(encode(first)), reader.read(encode(second)))
        assert own == expected, (kinds, first, second)
        proofs += expected
    assert proofs > 40


def test_sums_of_votes_as_evidence() -> None:
    zero, bits = bytes(96), [b"\x03", b"\x06", b"\x08"]
    sums = [
        Aggregate(kind, 0, 5, 1, block * 32, b"x" * 32, bitmap, zero)
        for kind, block, bitmap in product((1, 2), (b"a", b"b"), bits)
    ]
    for first, second in combinations(sums, 2):
        own = reader.unlawful(reader.read(encode(first)), reader.read(encode(second)))
        assert own == (detect(first, second) is not None)


def test_what_depth_makes_final() -> None:
    """`authority`: on chains with turns missed at random, the page's counting is the program's."""
    draw, finals = Random(7), 0
    for _ in range(300):
        size = draw.randint(1, 6)
        voters = ValidatorSet(0, validators(size))
        turns, slots = Turns(voters), [draw.randint(0, 20)]
        count, best = turns.root(slots[0], 0), 0
        for height in range(1, 5 * size + 2):
            slots.append(slots[-1] + draw.choice((1, 1, 1, 1, 2, 3)))
            count = turns.add(count, slots[-1], height)
            best = max(best, turns.final(count))
            assert reader.sealed_final(slots, [1] * size) == best, (size, slots)
        finals += best > 0
    assert finals > 100
