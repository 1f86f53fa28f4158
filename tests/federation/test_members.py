"""Which federations may not be formed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bystack.federation.members import (
    IndexUnknown,
    IndicesDisordered,
    MemberRepeated,
    MemberUnknown,
    NameIllegible,
    OperatorBlocks,
    OperatorSigns,
    Roster,
    ThresholdTooHigh,
    ThresholdTooLow,
    TooMuchWeight,
    WeightMismatch,
    check_roster,
)
from bystack.primitives.errors import Invalid

from .stage import SUPERS, roster

GOOD = roster(SUPERS, 5)


def changed(at: int, **fields) -> Roster:
    members = list(GOOD.members)
    members[at] = replace(members[at], **fields)
    return replace(GOOD, members=tuple(members))


def test_the_default_federation_stands():
    check_roster(GOOD)
    assert GOOD.total == 7 and GOOD.indices == (1, 2, 3, 4, 5, 6, 7)
    assert [GOOD.owner(index) for index in GOOD.indices] == [0, 0, 1, 1, 2, 3, 4]
    assert GOOD.position(GOOD.members[3].identity) == 3


def test_unknown_shares_and_members():
    with pytest.raises(IndexUnknown):
        GOOD.owner(8)
    with pytest.raises(MemberUnknown):
        GOOD.position(bytes(32))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (changed(0, name=b"a b"), NameIllegible),
        (changed(0, name=b"\xffa"), NameIllegible),
        (changed(1, name=b"m0"), MemberRepeated),
        (changed(1, identity=GOOD.members[0].identity), MemberRepeated),
        (changed(1, node=GOOD.members[0].node), MemberRepeated),
        (changed(0, weight=1), WeightMismatch),
        (changed(2, weight=2), WeightMismatch),
        (changed(0, indices=(2, 1)), IndicesDisordered),
        (changed(0, indices=(1, 1)), IndicesDisordered),
        (changed(0, indices=(0, 1)), IndicesDisordered),
        (changed(1, indices=(2, 3)), IndicesDisordered),
        (changed(1, indices=(1, 2)), IndicesDisordered),
        (replace(GOOD, members=GOOD.members[::-1]), IndicesDisordered),
        (replace(GOOD, threshold=8), ThresholdTooHigh),
        (replace(GOOD, threshold=3), ThresholdTooLow),
        (replace(GOOD, threshold=6), OperatorBlocks),
    ],
)
def test_bad_rosters(wrong, error):
    with pytest.raises(error):
        check_roster(wrong)


def test_half_of_the_weight_is_not_enough():
    with pytest.raises(ThresholdTooLow):
        roster((1, 1, 1, 1), 2)
    roster((1, 1, 1, 1), 3)


def test_k01_no_operator_signs_or_blocks_alone():
    with pytest.raises(OperatorSigns):
        roster((4, 1, 1, 1), 4)
    with pytest.raises(OperatorBlocks):
        roster((3, 2, 2), 5)
    with pytest.raises(OperatorSigns):
        roster((1,), 1)


def test_too_many_shares():
    with pytest.raises(TooMuchWeight):
        roster((65, 64), 65)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.integers(1, 32))
def test_any_operator_may_vanish_and_none_suffices(weights, threshold):
    try:
        formed = roster(tuple(weights), threshold)
    except Invalid:
        return
    for weight in weights:
        assert weight < threshold <= formed.total - weight
    assert 2 * threshold > formed.total
