"""What docs/protocol/consensus.md says, done by a reader of its own, is what the program does."""

from __future__ import annotations

import pytest

from bystack.primitives.codec import encode
from bystack.primitives.hashes import sha256
from bystack.sidechain.consensus.events import Config
from bystack.sidechain.consensus.pace import Pace
from bystack.sidechain.consensus.rounds import view_timeout
from bystack.sidechain.consensus.statements import (
    Step,
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
