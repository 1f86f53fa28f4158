"""What those who join say: golden bytes, a frame kind each, nothing larger than its cap."""

from __future__ import annotations

import pytest

from bystack.primitives.codec import TooLong, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain import messages as of_consensus
from bystack.sidechain.snapshots import messages
from bystack.sidechain.snapshots.manifests import CHUNK
from bystack.sidechain.snapshots.messages import (
    CAPS,
    KINDS,
    AidUnknown,
    ChunkGiven,
    GetEpochs,
    read_aid,
    write_aid,
)
from tests.sidechain.snapshots.samples import SAMPLES
from tests.wire import check_wire

OURS = [one for one in SAMPLES.values() if type(one) in KINDS]


@pytest.mark.parametrize("name", SAMPLES)
def test_bytes_are_fixed(name: str) -> None:
    check_wire(name, SAMPLES[name])


def test_each_message_has_a_kind_that_no_other_uses() -> None:
    assert {type(one) for one in OURS} == set(KINDS)
    assert not set(KINDS.values()) & set(of_consensus.KINDS.values())
    for one in OURS:
        assert read_aid(*write_aid(one)) == one  # type: ignore[arg-type]


def test_a_payload_of_another_kind_is_refused() -> None:
    _, payload = write_aid(GetEpochs(1))
    with pytest.raises(AidUnknown):
        read_aid(KINDS[messages.GetChunk], payload)
    with pytest.raises(AidUnknown):
        read_aid(99, payload)
    with pytest.raises(Invalid):
        read_aid(KINDS[GetEpochs], b"\x00")


def test_the_largest_chunk_fits_and_a_larger_one_does_not() -> None:
    kind, payload = write_aid(ChunkGiven(bytes(32), 2**32 - 1, (bytes(CHUNK),)))
    assert len(payload) <= CAPS[kind]
    assert read_aid(kind, payload)
    with pytest.raises(Invalid):
        read_aid(kind, encode(ChunkGiven(bytes(32), 0, (bytes(CHUNK + 1),))))
    with pytest.raises(TooLong):
        read_aid(kind, bytes(CAPS[kind] + 1))
