"""Plain data for people: `to_plain` and `from_plain` are each other's inverse."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from bystack.primitives.codec import MAX_INT, U8, U63, Bytes32, Malformed, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import PlainInvalid, from_plain, to_plain


class Circle(Wire, tag=0):
    radius: U63


class Square(Wire, tag=1):
    side: U8
    colour: Annotated[str, Meta(max_length=8)]


class Drawing(Wire):
    id: Bytes32
    shapes: Annotated[tuple[Circle | Square, ...], Meta(max_length=4)]
    frame: Circle
    note: bytes
    optional: Annotated[tuple[bytes, ...], Meta(max_length=1)]


SHAPES = st.builds(Circle, st.integers(0, MAX_INT)) | st.builds(
    Square, st.integers(0, 255), st.text(max_size=8)
)
DRAWINGS = st.builds(
    Drawing,
    st.binary(min_size=32, max_size=32),
    st.lists(SHAPES, max_size=4).map(tuple),
    st.builds(Circle, st.integers(0, MAX_INT)),
    st.binary(max_size=40),
    st.lists(st.binary(max_size=5), max_size=1).map(tuple),
)
USUAL = Drawing(b"\x01" * 32, (Circle(3), Square(4, "red")), Circle(9), b"\xab", ())


@settings(max_examples=100, deadline=None)
@given(DRAWINGS)
def test_there_and_back_through_json(drawing: Drawing) -> None:
    plain = json.loads(json.dumps(to_plain(drawing)))
    again: Drawing = from_plain(Drawing, plain)
    assert again == drawing and encode(again) == encode(drawing)


def test_what_people_see() -> None:
    assert to_plain(USUAL) == {
        "id": "01" * 32,
        "shapes": [
            {"kind": "Circle", "radius": 3},
            {"kind": "Square", "side": 4, "colour": "red"},
        ],
        "frame": {"kind": "Circle", "radius": 9},
        "note": "ab",
        "optional": [],
    }


def changed(*path: Any, to: Any) -> dict[str, Any]:
    plain = to_plain(USUAL)
    at = plain
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return plain  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("plain", "field"),
    [
        (changed("id", to="0g" * 32), ".id"),
        (changed("id", to=5), ".id"),
        (changed("shapes", to="none"), ".shapes"),
        (changed("shapes", to={}), ".shapes"),
        (changed("shapes", 0, "kind", to="Line"), ".shapes[0].kind"),
        (changed("shapes", 0, to=7), ".shapes[0].kind"),
        (changed("shapes", 1, "side", to=True), ".shapes[1].side"),
        (changed("shapes", 1, "side", to=1.0), ".shapes[1].side"),
        (changed("shapes", 1, "side", to="1"), ".shapes[1].side"),
        (changed("shapes", 1, "more", to=1), ".shapes[1].more"),
        (changed("extra", to=1), ".extra"),
        (changed("frame", to=None), ".frame.kind"),
        ([], ""),
        (None, ""),
    ],
)
def test_a_wrong_field_is_named(plain: Any, field: str) -> None:
    with pytest.raises(PlainInvalid) as caught:
        from_plain(Drawing, plain)
    assert caught.value.field == field


def test_a_missing_field_is_named() -> None:
    plain = to_plain(USUAL)
    del plain["note"]
    with pytest.raises(PlainInvalid) as caught:
        from_plain(Drawing, plain)
    assert caught.value.field == ".note"


@pytest.mark.parametrize(
    "plain",
    [
        changed("id", to="01" * 31),
        changed("shapes", to=[{"kind": "Circle", "radius": 1}] * 5),
        changed("shapes", 1, "side", to=256),
        changed("shapes", 1, "side", to=-1),
        changed("shapes", 0, "radius", to=2**63),
        changed("shapes", 1, "colour", to="far too long"),
        changed("optional", to=["", ""]),
    ],
)
def test_bounds_are_those_of_the_type(plain: Any) -> None:
    with pytest.raises(Malformed):
        from_plain(Drawing, plain)


@pytest.mark.parametrize("huge", [2**64, 10**40, -(2**63) - 1])
def test_a_number_no_encoding_holds_is_invalid_too(huge: int) -> None:
    with pytest.raises(PlainInvalid):
        from_plain(Drawing, changed("frame", "radius", to=huge))


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
        max_leaves=8,
    )
)
def test_anything_else_is_invalid(plain: Any) -> None:
    with pytest.raises(Invalid):
        from_plain(Drawing, plain)
