from typing import Annotated, Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Meta

from bystack.primitives.codec import (
    MAX_INT,
    U8,
    U63,
    Bytes8,
    Malformed,
    NotCanonical,
    TooLong,
    Wire,
    decode,
    decode_union,
    encode,
)
from bystack.primitives.errors import Invalid


class Point(Wire):
    x: U63
    name: Bytes8


class Circle(Wire, tag=0):
    radius: U8


class Shape(Wire, tag=1):
    corners: Annotated[tuple[Point, ...], Meta(max_length=3)]


class Nest(Wire):
    inner: "tuple[Nest, ...]"


points = st.builds(Point, st.integers(0, MAX_INT), st.binary(min_size=8, max_size=8))
shapes = st.builds(Circle, st.integers(0, 255)) | st.builds(
    Shape, st.lists(points, max_size=3).map(tuple)
)


@given(shapes)
def test_a_value_comes_back_and_msgpack_writes_the_same(shape: Circle | Shape) -> None:
    data = encode(shape)
    assert decode_union(Circle | Shape, data, 1000) == shape
    assert msgpack.packb(msgpack.unpackb(data)) == data


@given(st.binary(max_size=40))
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\x81\x00\x00")
def test_any_bytes_are_refused_or_are_the_one_encoding(data: bytes) -> None:
    for kind in (Point, Circle | Shape, Nest):
        try:
            value: Any = decode_union(kind, data, 40)
        except Invalid:
            continue
        assert encode(value) == data


def test_length_is_bounded_before_anything_else() -> None:
    with pytest.raises(TooLong) as caught:
        decode(Point, b"\xff" * 11, 10)
    assert (caught.value.length, caught.value.limit) == (11, 10)


@pytest.mark.parametrize(
    "data",
    [
        b"\x92\xcc\x05\xc4\x08" + bytes(8),  # 5 in two bytes
        b"\x92\xcf" + bytes(7) + b"\x05\xc4\x08" + bytes(8),  # 5 in nine bytes
        b"\x92\x05\xc5\x00\x08" + bytes(8),  # a length of two bytes
        b"\xdc\x00\x02\x05\xc4\x08" + bytes(8),  # an array header of three bytes
        b"\x92\xd0\x05\xc4\x08" + bytes(8),  # a signed 5
    ],
)
def test_another_encoding_of_a_value_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode(Point, data, 100)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        msgpack.packb([1]),
        msgpack.packb([1, bytes(8), 1]),
        msgpack.packb([1, bytes(7)]),
        msgpack.packb([1, bytes(9)]),
        msgpack.packb([1, "12345678"]),
        msgpack.packb([-1, bytes(8)]),
        msgpack.packb([2**63, bytes(8)]),
        msgpack.packb([True, bytes(8)]),
        msgpack.packb([None, bytes(8)]),
        msgpack.packb([1.0, bytes(8)]),
        msgpack.packb({"x": 1, "name": bytes(8)}),
        msgpack.packb([1, bytes(8)]) + b"\x00",
        msgpack.packb([1, msgpack.ExtType(1, bytes(8))]),
    ],
)
def test_what_is_no_point_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(Point, data, 100)


def test_an_unknown_tag_is_refused() -> None:
    with pytest.raises(Malformed):
        decode_union(Circle | Shape, msgpack.packb([2, 5]), 100)


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(Malformed):
        decode(Nest, b"\x91" * 200_000 + b"\x90", 10**6)


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Circle(1).radius = 2  # type: ignore[misc]
