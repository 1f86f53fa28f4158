"""The session id covers everything that was agreed."""

import pytest
from msgspec.structs import replace

from bystack.federation.members import ThresholdTooLow
from bystack.federation.session import (
    Kind,
    KindRefused,
    Previous,
    PreviousUnasked,
    Session,
    check_session,
)
from bystack.primitives.codec import decode, encode

from .stage import SUPERS, dice, roster, session

GOOD = session(SUPERS, 5)


def other_member(**fields):
    first, *rest = GOOD.roster.members
    return replace(GOOD, roster=replace(GOOD.roster, members=(replace(first, **fields), *rest)))


CHANGES = [
    replace(GOOD, chain=dice("other")),
    replace(GOOD, federation=dice("other")),
    replace(GOOD, epoch=2),
    replace(GOOD, attempt=1),
    replace(GOOD, kind=Kind.REFRESH),
    replace(GOOD, roster=replace(GOOD.roster, threshold=4)),
    replace(GOOD, roster=replace(GOOD.roster, members=GOOD.roster.members[:-1])),
    replace(GOOD, previous=(Previous(0, GOOD.roster, (bytes(48),)),)),
    replace(GOOD, previous=(Previous(0, GOOD.roster, (bytes(47) + b"\1",)),)),
    other_member(name=b"other"),
    other_member(identity=dice("other")),
    other_member(node=dice("other")),
    other_member(indices=(1, 3)),
    other_member(weight=1),
    other_member(recipient=dice("other")),
]


def test_every_field_changes_the_id():
    ids = {each.id for each in (GOOD, *CHANGES)}
    assert len(ids) == len(CHANGES) + 1


def test_only_fresh_keys_are_made():
    check_session(GOOD)
    for kind in (Kind.REFRESH, Kind.RESHARE, 3):
        with pytest.raises(KindRefused):
            check_session(replace(GOOD, kind=kind))
    with pytest.raises(PreviousUnasked):
        check_session(replace(GOOD, previous=(Previous(0, GOOD.roster, ()),)))


def test_the_roster_is_checked():
    with pytest.raises(ThresholdTooLow):
        check_session(replace(GOOD, roster=replace(GOOD.roster, threshold=3)))


def test_the_layout_carries_a_reshare():
    later = replace(
        GOOD, kind=Kind.RESHARE, previous=(Previous(0, roster((1, 1, 1), 2), (bytes(48),) * 2),)
    )
    assert decode(Session, encode(later), 10_000) == later
