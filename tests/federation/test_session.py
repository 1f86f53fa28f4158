"""The session id covers everything that was agreed."""

import pytest
from msgspec.structs import replace

from bystack.federation.members import MemberUnknown, Seat, ThresholdTooLow, seat
from bystack.federation.session import (
    Kind,
    KindUnknown,
    Previous,
    PreviousDegenerate,
    PreviousLater,
    PreviousMissing,
    PreviousUnasked,
    Session,
    SetChanged,
    TooManyParties,
    check_session,
)
from bystack.primitives.codec import decode, encode
from bystack.primitives.curve import INFINITY, g1_mul

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


POINTS = tuple(g1_mul(k + 3) for k in range(5))
PREVIOUS = Previous(0, GOOD.roster, POINTS)
REFRESH = replace(GOOD, kind=int(Kind.REFRESH), previous=(PREVIOUS,))
RESHARE = replace(REFRESH, kind=int(Kind.RESHARE), roster=roster((2, 2, 1, 1), 4))


def continued(**fields):
    return replace(RESHARE, previous=(replace(PREVIOUS, **fields),))


def crowd(count):
    seats = [Seat(b"c%d" % n, dice("c", n), dice("cn", n), 1, dice("p", n)) for n in range(count)]
    return seat(count // 2 + 1, seats)


REFUSED = [
    (replace(GOOD, kind=3), KindUnknown),
    (replace(GOOD, kind=1), PreviousMissing),
    (replace(GOOD, kind=2), PreviousMissing),
    (replace(GOOD, previous=(PREVIOUS,)), PreviousUnasked),
    (continued(epoch=1), PreviousLater),
    (continued(polynomial=POINTS[:-1]), PreviousDegenerate),
    (continued(polynomial=(INFINITY, *POINTS[1:])), PreviousDegenerate),
    (continued(polynomial=(*POINTS[:-1], bytes(48))), PreviousDegenerate),
    (continued(roster=replace(GOOD.roster, threshold=3)), ThresholdTooLow),
    (replace(REFRESH, roster=RESHARE.roster), SetChanged),
    (replace(RESHARE, roster=crowd(60)), TooManyParties),
]


@pytest.mark.parametrize(("held", "rule"), REFUSED, ids=lambda one: getattr(one, "__name__", ""))
def test_a_session_of_another_shape_is_refused(held, rule):
    with pytest.raises(rule):
        check_session(held)


def test_every_kind_is_held():
    for held in (GOOD, REFRESH, RESHARE, replace(RESHARE, roster=GOOD.roster)):
        check_session(held)


def test_who_leaves_sits_behind_the_new_set_and_deals_old_shares():
    assert [member.name for member in RESHARE.parties] == [b"m0", b"m1", b"m2", b"m3", b"m4"]
    assert RESHARE.size == 4 and REFRESH.parties == REFRESH.roster.members
    assert [RESHARE.sources(n) for n in range(5)] == [(1, 2), (3, 4), (5,), (6,), (7,)]
    assert [REFRESH.sources(n) for n in range(5)] == [(0,)] * 5
    assert (RESHARE.needed, REFRESH.needed, RESHARE.threshold) == (5, 0, 4)
    assert RESHARE.seat(RESHARE.parties[4].identity) == 4
    with pytest.raises(MemberUnknown):
        RESHARE.seat(dice("a stranger"))


def test_the_roster_is_checked():
    with pytest.raises(ThresholdTooLow):
        check_session(replace(GOOD, roster=replace(GOOD.roster, threshold=3)))


def test_the_layout_carries_a_reshare():
    later = replace(
        GOOD, kind=Kind.RESHARE, previous=(Previous(0, roster((1, 1, 1), 2), (bytes(48),) * 2),)
    )
    assert decode(Session, encode(later), 10_000) == later
