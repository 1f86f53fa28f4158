"""Bytes of every wire type: pinned, and hostile ones refused."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import get_args

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.evidence import AnyEvidence
from bystack.sidechain.consensus.messages import (
    MAX_MESSAGE,
    Message,
    decode_message,
    encode_message,
)
from bystack.sidechain.consensus.statements import Step, signing_digest
from tests.sidechain.consensus.samples import SAMPLES

GOLDEN = Path(__file__).parents[2] / "vectors" / "bystack"
MESSAGES = {name: m for name, m in SAMPLES.items() if isinstance(m, get_args(Message))}


@pytest.mark.parametrize("name", SAMPLES)
def test_bytes_are_those_of_the_golden_file(name: str) -> None:
    golden = bytes.fromhex((GOLDEN / f"bbft_{name}.hex").read_text().strip())
    assert encode(SAMPLES[name]) == golden
    assert decode(type(SAMPLES[name]), golden, 10_000) == SAMPLES[name]


def test_every_message_and_evidence_has_a_golden_file() -> None:
    kinds = {type(s) for s in SAMPLES.values()}
    assert {*get_args(Message), *get_args(AnyEvidence)} - kinds == {
        type(SAMPLES["evidence_found"].evidence)
    }  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_survive_and_msgpack_agrees(name: str) -> None:
    data = encode_message(MESSAGES[name])  # type: ignore[arg-type]
    assert decode_message(data) == MESSAGES[name]
    assert msgpack.packb(msgpack.unpackb(data, use_list=True, strict_map_key=True)) == data


@pytest.mark.parametrize("name", MESSAGES)
def test_each_prefix_and_surplus_byte_is_refused(name: str) -> None:
    data = encode_message(MESSAGES[name])  # type: ignore[arg-type]
    for cut in range(len(data)):
        with pytest.raises(Invalid):
            decode_message(data[:cut])
    with pytest.raises(Invalid):
        decode_message(data + b"\0")


@pytest.mark.parametrize("name", MESSAGES)
def test_each_flipped_bit_is_refused_or_another_message(name: str) -> None:
    data = encode_message(MESSAGES[name])  # type: ignore[arg-type]
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        try:
            assert decode_message(bytes(flipped)) != MESSAGES[name]
        except Invalid:
            continue


@given(st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        decode_message(b"\xdd\xff\xff\xff\xff" + data)
    with contextlib.suppress(Invalid):
        assert encode_message(decode_message(data)) == data


def test_a_long_message_is_refused_unread() -> None:
    with pytest.raises(Invalid, match="TooLong"):
        decode_message(bytes(MAX_MESSAGE + 1))


@pytest.mark.parametrize("change", ["step", "chain", "epoch", "height", "view", "payload"])
def test_no_two_statements_share_a_digest(change: str) -> None:
    base: dict[str, object] = {
        "step": Step.PREPARE,
        "chain_id": b"\1" * 32,
        "epoch": 1,
        "height": 2,
        "view": 3,
        "payload": b"\2" * 64,
    }
    other = dict(base)
    name = "chain_id" if change == "chain" else change
    other[name] = {"step": Step.PROPOSE, "chain_id": b"\3" * 32, "payload": b"\4" * 64}.get(name, 9)
    assert signing_digest(**base) != signing_digest(**other)  # type: ignore[arg-type]
