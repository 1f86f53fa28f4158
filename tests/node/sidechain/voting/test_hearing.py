"""What a node hears for its key: who has said how far they are, and votes it did not release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from bystack.node.sidechain.voting.hearing import KNOWN, Hearing, statements_in
from bystack.primitives.codec import encode
from bystack.sidechain.consensus.messages import Blocks, FinalBlock, GetBlocks, Propose, Status
from bystack.sidechain.consensus.statements import (
    Certificate,
    HighSigners,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.epochs import EpochRecord, record_key
from bystack.sidechain.params import Genesis
from tests.sidechain.consensus.samples import COMMITTED, HEADER
from tests.sidechain.world import genesis_for, vault_chain
from tests.simulation.schemes import bls_keyring

RING = bls_keyring(4).validators
ME = RING.validators[0]
CERTIFICATE = replace(COMMITTED, epoch=0, bitmap=b"\x07")
VOTE = Vote(2, 0, 7, 0, b"\x0b" * 32, bytes(32), 0, bytes(96))
TIMEOUT = Timeout(0, 7, 0, 0, (CERTIFICATE,), 0, bytes(96))
TIMEOUTS = TimeoutCertificate(0, 7, 0, (HighSigners(0, b"\x07"),), bytes(96), ())


@dataclass
class Store:
    """A store of which the heights and the state count."""

    genesis: Genesis
    state: dict[bytes, bytes]
    height: int = 10


@pytest.fixture
def store() -> Any:
    genesis = genesis_for(vault_chain(), validators=RING.validators)
    record = EpochRecord(0, 0, 99, bytes(32), genesis.validator_set)
    state = {record_key(0): encode(record), b"epoch/": encode(0)}
    return Store(genesis, state)


@pytest.fixture
def hearing(store: Any) -> Hearing:
    made = Hearing(store)
    made.listen_for(ME.key)
    return made


def status(height: int) -> Status:
    return Status(replace(CERTIFICATE, height=height))


def test_others_who_make_a_quorum_with_us_have_to_speak(hearing: Hearing) -> None:
    nodes = [one.node for one in RING.validators]
    assert not hearing.ready()
    for node in (nodes[0], b"\x77" * 32, nodes[1], nodes[1]):
        hearing.hear(node, status(3))
        assert not hearing.ready()
    hearing.hear(nodes[2], status(3))
    assert hearing.ready()


def test_one_liar_about_heights_keeps_nobody(hearing: Hearing, store: Any) -> None:
    nodes = [one.node for one in RING.validators]
    hearing.hear(nodes[1], status(2**40))
    hearing.hear(nodes[2], status(3))
    assert hearing.ready()
    hearing.hear(nodes[3], status(12))  # two of four: one of them is honest
    assert not hearing.ready()
    store.height = 12
    assert hearing.ready()


def test_who_is_no_validator_waits_for_nobody(store: Any) -> None:
    stranger = Hearing(store)
    stranger.listen_for(b"\x01" * 48)
    assert stranger.ready()
    assert stranger.hear(ME.node, CERTIFICATE) == []


PROPOSE = Propose(HEADER, b"", 1, CERTIFICATE, (TIMEOUTS,), bytes(96))
BLOCKS = Blocks((FinalBlock(HEADER, b"", CERTIFICATE),))


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        (VOTE, [Vote]),
        (CERTIFICATE, [Certificate]),
        (TIMEOUT, [Timeout, Certificate]),
        (TIMEOUTS, [TimeoutCertificate]),
        (Status(CERTIFICATE), [Certificate]),
        (PROPOSE, [Certificate, TimeoutCertificate]),
        (BLOCKS, [Certificate]),
        (GetBlocks(1, 2), []),
    ],
)
def test_votes_are_found_wherever_they_stand(
    hearing: Hearing, message: Any, kinds: list[type]
) -> None:
    assert [type(one) for one in statements_in(message)] == kinds
    found = hearing.hear(b"\x77" * 32, message)
    assert [type(one.statement) for one in found] == kinds
    for one in found:
        for digest in hearing.digests_of(one):
            hearing.released(digest)
    assert hearing.hear(b"\x77" * 32, message) == []


@pytest.mark.parametrize(
    "message",
    [
        replace(VOTE, index=1),
        replace(CERTIFICATE, bitmap=b"\x0e"),
        replace(CERTIFICATE, bitmap=b""),
        replace(CERTIFICATE, epoch=5),
        replace(TIMEOUTS, signers=(HighSigners(0, b"\x0e"),)),
    ],
)
def test_others_votes_are_nothing_to_us(hearing: Hearing, message: Any) -> None:
    assert hearing.hear(b"\x77" * 32, message) == []


def test_what_is_remembered_is_bounded(hearing: Hearing) -> None:
    for number in range(5_000):
        hearing.released(number.to_bytes(32, "big"))
    assert len(hearing._released) == 4096


def test_strangers_who_come_and_go_fill_no_memory(hearing: Hearing) -> None:
    """Anybody may connect under a new name and say a height; who spoke last is remembered."""
    nodes = [one.node for one in RING.validators]
    hearing.hear(nodes[1], status(3))
    for number in range(KNOWN - 1):
        hearing.hear(number.to_bytes(32, "big"), status(3))
    hearing.hear(nodes[1], status(3))
    for number in range(KNOWN // 2):
        hearing.hear((1 << 20 | number).to_bytes(32, "big"), status(3))
    assert len(hearing._heights) == KNOWN
    hearing.hear(nodes[2], status(3))
    assert hearing.ready()
