"""Records in an append-only file: what is whole, what is torn, what is damage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.errors import Misuse
from bystack.primitives.framing import MAX_PAYLOAD, PREFIX, record, scan, torn

PAYLOADS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@given(PAYLOADS, st.binary(max_size=60))
def test_whole_records_are_found_up_to_the_first_that_is_not(
    payloads: list[bytes], tail: bytes
) -> None:
    data = b"".join(map(record, payloads))
    found = scan(data)
    assert [data[start:end] for start, end in found.spans] == payloads
    assert found.end == len(data)
    longer = scan(data + tail)
    assert longer.spans[: len(payloads)] == found.spans


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_record_cut_short_is_torn_and_one_before_another_is_damage(
    payload: bytes, data: st.DataObject
) -> None:
    whole = record(payload)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert scan(whole[:cut]).spans == [] and torn(whole[:cut])
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= 1
    assert scan(bytes(flipped)).spans == [], "the checksum covers length and payload"
    assert not torn(bytes(flipped) + record(b"next one"))


def test_a_payload_has_bounds() -> None:
    assert len(record(bytes(MAX_PAYLOAD))) == MAX_PAYLOAD + PREFIX
    for size in (0, MAX_PAYLOAD + 1):
        with pytest.raises(Misuse):
            record(bytes(size))
    assert not torn(bytes(MAX_PAYLOAD + PREFIX + 1))
