"""A frame kind for each message of the engine, a cap that fits it, and nothing else gets in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.messages import Blocks, Message, decode_message
from bystack.sidechain.consensus.statements import (
    COMMIT,
    PREPARE,
    Certificate,
    HighSigners,
    Timeout,
    TimeoutCertificate,
)
from bystack.sidechain.consensus.validators import MAX_BITMAP, MAX_VALIDATORS
from bystack.sidechain.messages import (
    CAPS,
    KINDS,
    MessageKind,
    MessageUnknown,
    read_message,
    write_message,
)
from tests.wire import golden

NAMES = (
    "propose", "vote", "aggregate", "certificate", "timeout", "timeout_certificate",
    "get_proposal", "get_block", "block_data", "get_blocks", "blocks", "status", "evidence_found",
    "proposal_seen", "sealed", "foreign",
)  # fmt: skip
MESSAGES = [decode_message(golden(f"bbft_{name}")) for name in NAMES]
BITMAP, HASH, SIGNATURE = b"\xff" * MAX_BITMAP, b"h" * 32, b"s" * 96
LARGE = 2**63 - 1
BEST = Certificate(PREPARE, LARGE, LARGE, 2**31 - 1, HASH, HASH, BITMAP, SIGNATURE)


def test_every_message_has_its_kind_and_comes_back() -> None:
    assert {type(message) for message in MESSAGES} == set(KINDS)
    assert len(set(KINDS.values())) == len(KINDS) == len(CAPS) == len(Message.__args__)
    for message in MESSAGES:
        kind, payload = write_message(message)
        assert len(payload) <= CAPS[kind]
        assert read_message(kind, payload) == message


def test_a_payload_of_another_kind_is_refused() -> None:
    for message in MESSAGES:
        kind, payload = write_message(message)
        for other in set(KINDS.values()) - {kind}:
            with pytest.raises(MessageKind):
                read_message(other, payload)
        with pytest.raises(MessageUnknown):
            read_message(15, payload)


def test_the_largest_of_four_hundred_validators_fit() -> None:
    groups = tuple(HighSigners(2**31 - 1, BITMAP) for _ in range(MAX_VALIDATORS))
    given = TimeoutCertificate(LARGE, LARGE, 2**31 - 1, groups, SIGNATURE, (BEST,))
    commit = Certificate(COMMIT, LARGE, LARGE, 2**31 - 1, HASH, HASH, BITMAP, SIGNATURE)
    timeout = Timeout(LARGE, LARGE, 2**31 - 1, 2**31 - 1, (BEST,), 399, SIGNATURE)
    for message in (given, commit, timeout):
        kind, payload = write_message(message)
        assert len(payload) <= CAPS[kind]


@given(st.sampled_from(sorted(KINDS.values())), st.binary(max_size=200))
def test_rubbish_is_refused_by_name(kind: int, payload: bytes) -> None:
    try:
        message = read_message(kind, payload)
    except Invalid:
        return
    assert encode(message) == payload == encode(decode_message(payload))


def test_no_blocks_are_a_message_too() -> None:
    assert read_message(*write_message(Blocks(()))) == Blocks(())
