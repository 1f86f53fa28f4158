import contextlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.p2p.frames import (
    Frame,
    FrameMalformed,
    FrameReader,
    FrameTooLong,
    UnknownKind,
    frame,
)
from bystack.primitives.codec import Malformed, NotCanonical
from bystack.primitives.errors import Invalid, Misuse
from tests.p2p.people import CAPS

MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just(16), st.binary(max_size=100)),
        st.tuples(st.just(200), st.binary(max_size=10)),
        st.tuples(st.just(17), st.binary(max_size=70_000)),
    ),
    max_size=6,
)


def cut(data: bytes, reader: FrameReader) -> list[Frame]:
    reader.feed(data)
    return list(iter(reader.next_frame, None))


@given(MESSAGES, st.data())
def test_any_split_gives_the_same_frames(
    messages: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(frame(kind, payload) for kind, payload in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, got = FrameReader(CAPS), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += cut(stream[start:end], reader)
    assert got == [Frame(kind, payload) for kind, payload in messages]
    assert reader.pending == 0


def test_byte_by_byte() -> None:
    stream = frame(16, b"a" * 100) + frame(200, b"") + frame(17, b"b" * 300)
    reader = FrameReader(CAPS)
    got = [f for i in range(len(stream)) for f in cut(stream[i : i + 1], reader)]
    assert [f.kind for f in got] == [16, 200, 17]


@pytest.mark.parametrize(("kind", "size"), [(16, 100), (17, 1 << 20), (200, 10)])
def test_the_cap_is_exact(kind: int, size: int) -> None:
    assert cut(frame(kind, bytes(size)), FrameReader(CAPS))[0].payload == bytes(size)
    with pytest.raises(FrameTooLong):
        cut(frame(kind, bytes(size + 1)), FrameReader(CAPS))


def test_a_length_is_refused_before_its_bytes_come() -> None:
    with pytest.raises(FrameTooLong):
        cut(b"\xff\xff\xff\xff", FrameReader(CAPS))
    # allowed for kind 17, not for kind 16: judged at the sixth byte
    with pytest.raises(FrameTooLong):
        cut(frame(17, bytes(1000))[:4] + b"\x92\x10", FrameReader(CAPS))
    with pytest.raises(UnknownKind):
        cut(frame(99, bytes(1000))[:6], FrameReader(CAPS))
    with pytest.raises(UnknownKind):
        cut(frame(201, bytes(10))[:7], FrameReader(CAPS))


@pytest.mark.parametrize(
    "body",
    [b"\x93\x10\x00", b"GET / HTTP", b"\x92\xcd\x00\x10\x00", b"\x92\xa0\x00", b"\x92\xd0\x10"],
)
def test_a_wrong_beginning_is_refused(body: bytes) -> None:
    with pytest.raises(FrameMalformed):
        cut(len(body).to_bytes(4, "big") + body[:3], FrameReader(CAPS))


@pytest.mark.parametrize("length", [0, 1, 2])
def test_lengths_too_short_for_a_frame(length: int) -> None:
    with pytest.raises(FrameMalformed):
        cut(length.to_bytes(4, "big"), FrameReader(CAPS))


def test_bodies_must_be_exactly_one_canonical_frame() -> None:
    for body in (b"\x92\x10\xc4\x05abc", b"\x92\x10\xa3abc", b"\x92\x10\xc4\x03abcd"):
        with pytest.raises(Malformed):
            cut(len(body).to_bytes(4, "big") + body, FrameReader(CAPS))
    body = b"\x92\xcc\x10\xc4\x01a"  # kind 16 in two bytes instead of one
    with pytest.raises(NotCanonical):
        cut(len(body).to_bytes(4, "big") + body, FrameReader(CAPS))


@given(st.binary(max_size=400))
def test_garbage_raises_invalid_or_waits(data: bytes) -> None:
    with contextlib.suppress(Invalid):
        cut(data, FrameReader(CAPS))


@given(st.binary(max_size=60), st.integers(0, 8 * 68))
def test_each_bit_flip_raises_invalid_or_gives_a_frame_within_its_cap(
    payload: bytes, bit: int
) -> None:
    data = bytearray(frame(16, payload))
    at = bit // 8 % len(data)
    data[at] ^= 1 << bit % 8
    with contextlib.suppress(Invalid):
        assert all(len(f.payload) <= CAPS[f.kind] for f in cut(bytes(data), FrameReader(CAPS)))


def test_hostile_lengths_take_no_memory() -> None:
    tracemalloc.start()
    try:
        for length in (2**32 - 1, 2**31, 1 << 30, 1 << 20):
            reader = FrameReader(CAPS)
            reader.feed(length.to_bytes(4, "big"))
            with contextlib.suppress(FrameTooLong):
                reader.next_frame()
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_new_caps_hold_from_the_next_frame_on() -> None:
    reader = FrameReader({0: 10})
    reader.feed(frame(0, b"a") + frame(16, b"b"))
    assert reader.next_frame() == Frame(0, b"a")
    reader.accept({16: 1})
    assert reader.next_frame() == Frame(16, b"b")


def test_kinds_are_one_byte() -> None:
    with pytest.raises(Misuse):
        frame(256, b"")
