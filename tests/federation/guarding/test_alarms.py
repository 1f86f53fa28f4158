"""The lines of a guard's journals: golden bytes, and subjects that name one thing."""

from __future__ import annotations

from bystack.federation.guarding.alarms import (
    MAX_FACTS,
    ActKind,
    ActRecord,
    AlarmRecord,
    Kind,
    by_hand,
    subject_of,
)
from bystack.federation.guarding.warrants import GuardWarrant
from bystack.ledger.transactions import Outpoint
from bystack.primitives.codec import encode
from tests.wire import check_wire, refused

ALARM = AlarmRecord(1, b"\x01" * 32, 0, 7, 1_800_000_000, b'{"seq":3}')
ACT = ActRecord(2, b"\x01" * 32, 4, (Outpoint(b"\x02" * 32, 1),), ())


def test_golden_bytes() -> None:
    check_wire("federation_alarm_record", ALARM)
    check_wire("federation_act_record", ACT)
    check_wire("federation_guard_warrant", GuardWarrant(22, 4, b"\x03" * 32))


def test_facts_are_bounded() -> None:
    long = AlarmRecord(1, bytes(32), 0, 7, 1, bytes(MAX_FACTS + 1))
    assert refused(AlarmRecord, encode(long))


def test_a_subject_is_of_its_kind_and_parts() -> None:
    one = subject_of(Kind.UNKNOWN_SPEND, b"\x01" * 32)
    assert one == subject_of(Kind.UNKNOWN_SPEND, b"\x01" * 32)
    others = {
        subject_of(Kind.UNBACKED_MINT, b"\x01" * 32),
        subject_of(Kind.UNKNOWN_SPEND, b"\x02" * 32),
        subject_of(Kind.UNKNOWN_SPEND, b"\x01" * 32, 5),
    }
    assert len({one, *others}) == 4


def test_what_is_done_by_hand_is_once_a_turn() -> None:
    acts = {by_hand(kind, turn) for kind in ActKind for turn in (0, 1)}
    assert len(acts) == 6
