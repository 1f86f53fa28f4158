"""The book: what was said is not said again, what was begun is known after a crash."""

from __future__ import annotations

from pathlib import Path

from bystack.federation.guarding.alarms import Act, ActKind, Alarm, Ended, Kind, subject_of
from bystack.ledger.transactions import Outpoint
from bystack.node.guard.book import KIND, Book
from bystack.node.guard.watchman import shown_alarm
from bystack.node.store.journal import Journal

SUBJECT = subject_of(Kind.UNKNOWN_SPEND, b"\x01" * 32)
EVENT = Alarm(Kind.UNKNOWN_SPEND, SUBJECT, {"seq": 3})
LASTING = Alarm(Kind.DEFICIT, SUBJECT, {"deficits": {}}, standing=True)


def opened(folder: Path) -> tuple[Journal, Book]:
    journal = Journal.open(folder / "book", kind=KIND, magic=b"test")
    return journal, Book(journal)


def test_an_event_is_said_once_for_ever(tmp_path: Path) -> None:
    journal, book = opened(tmp_path)
    assert book.raised(EVENT, 7, 1) is not None and book.raised(EVENT, 8, 2) is None
    journal.close()
    _, book = opened(tmp_path)
    assert book.raised(EVENT, 9, 3) is None and book.standing == []
    assert [shown_alarm(one)["facts"] for one in book.alarms] == [{"seq": 3}]


def test_a_condition_is_said_again_after_it_ended(tmp_path: Path) -> None:
    journal, book = opened(tmp_path)
    assert book.raised(LASTING, 7, 1) is not None and book.raised(LASTING, 7, 1) is None
    journal.close()
    journal, book = opened(tmp_path)
    assert [(one.kind, one.subject) for one in book.standing] == [(Kind.DEFICIT, SUBJECT)]
    book.ended(Ended(Kind.DEFICIT, SUBJECT), 8, 2)
    assert book.standing == [] and book.raised(LASTING, 9, 3) is not None
    assert [one.standing for one in book.after(1)] == [0, 1]


def test_an_act_is_begun_once_for_a_reason_and_a_target(tmp_path: Path) -> None:
    journal, book = opened(tmp_path)
    freeze = Act(ActKind.FREEZE, SUBJECT)
    vetoes = [Act(ActKind.VETO, SUBJECT, Outpoint(b"\x02" * 32, i)) for i in (1, 2)]
    for act in (freeze, *vetoes):
        assert not book.was_begun(act)
        book.begin(act, 4)
    journal.close()
    _, book = opened(tmp_path)
    assert all(map(book.was_begun, (freeze, *vetoes)))
    assert [one.turn for one in book.begun] == [4, 4, 4]


def test_when_a_condition_is_gone_its_act_may_come_again(tmp_path: Path) -> None:
    _, book = opened(tmp_path)
    book.raised(LASTING, 7, 1)
    act = Act(ActKind.FREEZE, SUBJECT)
    book.begin(act, 4)
    book.ended(Ended(Kind.DEFICIT, SUBJECT), 8, 2)
    assert not book.was_begun(act)


def test_facts_too_long_are_left_out_and_said_so(tmp_path: Path) -> None:
    _, book = opened(tmp_path)
    record = book.raised(Alarm(Kind.DEFICIT, SUBJECT, {"a": "b" * 5_000}), 7, 1)
    assert record is not None and b"too many" in record.facts
