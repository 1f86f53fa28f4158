"""What a guard raised and began, on disk before anything follows from it.

After a crash the chains are read again and the same things are found again: what is in the book is
not said twice, and an act that was begun is finished, not repeated.
"""

from __future__ import annotations

import msgspec

from bystack.federation.guarding.alarms import (
    MAX_FACTS,
    MAX_LINE,
    Act,
    ActRecord,
    Alarm,
    AlarmRecord,
    Ended,
    Kind,
    Line,
)
from bystack.node.store.journal import Journal
from bystack.primitives.codec import decode_union, encode

KIND = "guard-book"
SHOWN = 1_000


class Book:
    """The guard's journal and what it says now."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last: dict[tuple[int, bytes], AlarmRecord] = {}
        self._begun: dict[tuple[bytes, int, bytes], ActRecord] = {}
        self.alarms: list[AlarmRecord] = []
        self.count = 0
        for data in journal.records():
            self._take(decode_union(Line, data, MAX_LINE))

    @property
    def standing(self) -> list[Alarm]:
        """The alarms about conditions that had not ended."""
        return [
            Alarm(Kind(one.kind), one.subject, {}, standing=True)
            for one in self._last.values()
            if one.standing
        ]

    @property
    def begun(self) -> list[ActRecord]:
        """Every act that was begun, oldest first."""
        return list(self._begun.values())

    def raised(self, alarm: Alarm, height: int, time: int) -> AlarmRecord | None:
        """Write an alarm down; None when it was raised before."""
        known = self._last.get((alarm.kind, alarm.subject))
        if known is not None and (known.standing or not alarm.standing):
            return None
        facts = msgspec.json.encode(alarm.facts)
        if len(facts) > MAX_FACTS:
            facts = msgspec.json.encode({"facts": "too many to be kept; see the log"})
        record = AlarmRecord(
            int(alarm.kind), alarm.subject, int(alarm.standing), height, time, facts
        )
        self._write(record)
        return record

    def ended(self, end: Ended, height: int, time: int) -> None:
        """Write down that a condition is gone; what was begun for it may be begun again."""
        self._write(AlarmRecord(int(end.kind), end.subject, 0, height, time, b"{}"))

    def after(self, count: int) -> list[AlarmRecord]:
        """The alarms written down since there were `count` of them (of the newest `SHOWN`)."""
        fresh = self.count - count
        return self.alarms[-fresh:] if fresh else []

    def was_begun(self, act: Act) -> bool:
        """True if this act was begun for this reason before."""
        return self._place(int(act.kind), act.subject, _target(act)) in self._begun

    def begin(self, act: Act, turn: int) -> ActRecord:
        """Write down that an act is begun, for this turn."""
        record = ActRecord(
            int(act.kind),
            act.subject,
            turn,
            () if act.outpoint is None else (act.outpoint,),
            () if act.terms is None else (act.terms,),
        )
        self._write(record)
        return record

    def _write(self, line: Line) -> None:
        self._journal.append(encode(line))
        self._take(line)

    def _take(self, line: Line) -> None:
        match line:
            case AlarmRecord():
                self._told(line)
            case ActRecord():
                target = encode(line.outpoint) + encode(line.terms)
                self._begun[self._place(line.kind, line.subject, target)] = line

    def _told(self, line: AlarmRecord) -> None:
        before = self._last.get((line.kind, line.subject))
        self._last[line.kind, line.subject] = line
        self.alarms = [*self.alarms, line][-SHOWN:]
        self.count += 1
        if before is not None and before.standing and not line.standing:
            self._begun = {
                place: one for place, one in self._begun.items() if one.subject != line.subject
            }

    @staticmethod
    def _place(kind: int, subject: bytes, target: bytes) -> tuple[bytes, int, bytes]:
        return subject, kind, target


def _target(act: Act) -> bytes:
    outpoint = () if act.outpoint is None else (act.outpoint,)
    return encode(outpoint) + encode(() if act.terms is None else (act.terms,))
