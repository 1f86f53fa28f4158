"""Headers first: whom to ask for them, and how long branches are surveyed before they are kept.

The peer that claims most is asked at once, the next one too when it lets us wait. A branch enters
the tree when it is worth it (`sync.worth`). Longer ones from far below are *surveyed*: judged
header by header while only the last entry and one id per answer are kept, and fetched a second
time, to the very same ids, once they have shown the work (`decisions/mainchain.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry
from bystack.mainchain.events import Action, KeepHeaders, Send
from bystack.mainchain.messages import MAX_HEADERS, MAX_LOCATOR, GetHeaders
from bystack.mainchain.sync.peers import (
    BOAST,
    CONTRADICTION,
    DISORDER,
    ENDLESS,
    LOW_WORK,
    STALLED,
    UNASKED,
    Peers,
    offence_of,
    work_of_entry,
)
from bystack.mainchain.sync.worth import Connected, Worth
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Invalid

HURRY: Final = 3
"""Seconds without an answer after which a second peer is asked beside the first."""
PATIENCE: Final = 20
SIDE_BY_SIDE: Final = 3
SURVEY: Final = 16_384
"""Most answers of one survey: 32 bytes each are remembered of 2,000 headers."""


IDLE: Final = 3
"""Full answers in turn that tell nothing new: a peer may have changed its branch meanwhile."""


@dataclass
class Survey:
    """A branch judged and not kept: where it leaves the tree, its last entry, a mark per answer.

    `again`: how many answers have been fetched a second time; None while it still lacks work.
    """

    start: Entry
    last: Entry
    marks: list[bytes] = field(default_factory=list)
    again: int | None = None


class Cursor(NamedTuple):
    """Where a peer's full answer ended, and how many in turn led no further."""

    last: Entry
    idle: int


class HeaderSync:
    """Asks peers for headers and keeps what is worth it; `now` steady, `wall` the clock's time."""

    def __init__(self, tree: HeaderTree, peers: Peers, connected: Connected) -> None:
        self._tree, self._peers, self._connected = tree, peers, connected
        self._worth = Worth(tree, peers, connected)
        self._asked: dict[bytes, int] = {}
        self._owed: dict[bytes, int] = {}
        self._surveys: dict[bytes, Survey] = {}
        self._cursors: dict[bytes, Cursor] = {}

    @property
    def busy(self) -> bool:
        """Whether somebody is asked who claims more than we have. A mere announcement is none."""
        beaten = work_of_entry(self._connected.tip)
        return any(self._peers[peer].claim > beaten for peer in self._asked)

    def awaits(self, peer: bytes) -> bool:
        """Whether an answer of this peer is awaited."""
        return peer in self._asked

    @property
    def surveyed(self) -> int:
        """How many ids the surveys hold in memory."""
        return sum(len(one.marks) for one in self._surveys.values())

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        self.forget(peer)
        self._owed.pop(peer, None)

    def forget(self, peer: bytes) -> None:
        """Wait for a peer no longer."""
        self._asked.pop(peer, None)
        self._surveys.pop(peer, None)
        self._cursors.pop(peer, None)

    # Asking

    def seek(self, now: int) -> list[Action]:
        """Ask the peer that promises most beyond our tip; another when those asked let us wait.

        Beside those, it is the one connected longest: whoever comes with greater promises, however
        often, is not all we ask. Who was blamed comes after those who were not. Surveys may take
        long, and for nothing: others are asked beside them as if there were none.
        """
        asked = [since for peer, since in self._asked.items() if peer not in self._surveys]
        waits = min((now - since for since in asked), default=HURRY)
        if waits < HURRY or len(asked) >= SIDE_BY_SIDE:
            return []
        beaten = work_of_entry(self._connected.tip)
        awake = [p for p in self._peers.awake(now) if p not in self._asked]
        able = {p: more for p in awake if (more := self._promise(p, beaten)) > beaten}
        if not able:
            return []
        beside = bool(self._asked)  # then no promise counts, and the first of equals is the oldest
        peer = max(able, key=lambda p: (-self._peers[p].faults, 0 if beside else able[p]))
        return [self._ask(peer, now)]

    def _promise(self, id: bytes, beaten: int) -> int:
        """The work that asking this peer may show; 0 when it has shown all it claims."""
        peer = self._peers[id]
        unseen = peer.claim if peer.claim > self._peers.shown_work(id) else 0
        return max(beaten + 1 if peer.hint else 0, unseen)

    def _ask(self, peer: bytes, now: int) -> Send:
        self._asked[peer] = now
        self._owed[peer] = self._owed.get(peer, 0) + 1
        return Send(peer, GetHeaders(self._locator(peer)))

    def _locator(self, peer: bytes) -> tuple[bytes, ...]:
        survey = self._surveys.get(peer)
        if survey is None:
            cursor = self._cursors.get(peer)
            last = cursor.last if cursor else self._peers.shown(peer) or self._tree.best()
            return self._tree.line.locator(last)
        if survey.again is None:
            return (survey.last.id, *self._tree.line.locator(survey.start))[:MAX_LOCATOR]
        known = survey.marks[survey.again - 1] if survey.again else survey.start.id
        return (known, *self._tree.line.locator(survey.start))[:MAX_LOCATOR]

    def watch(self, now: int) -> list[Action]:
        """Replace peers that do not answer."""
        late = [peer for peer, since in self._asked.items() if now >= since + PATIENCE]
        for peer in late:
            self.forget(peer)
        return [one for peer in late for one in self._peers.blame(peer, STALLED, now)]

    # Answers

    def received(self, peer: bytes, headers: Sequence[Header], now: int, wall: int) -> list[Action]:
        """A peer's `Headers`."""
        if not self._owed.get(peer):
            return [*self._peers.blame(peer, UNASKED, now)]
        self._owed[peer] -= 1
        if self._asked.pop(peer, None) is None:
            return []  # an answer that came too late
        if any(one.id != other.previous for one, other in pairwise(headers)):
            return [*self._peers.blame(peer, DISORDER, now)]
        try:
            return self._judge(peer, headers, now, wall)
        except Invalid as error:
            self.forget(peer)
            return [*self._peers.blame(peer, offence_of(error), now)]

    def _judge(self, peer: bytes, headers: Sequence[Header], now: int, wall: int) -> list[Action]:
        survey = self._surveys.get(peer)
        if survey is None:
            return self._first(peer, headers, now, wall)
        if survey.again is None:
            return self._further(peer, survey, headers, now, wall)
        return self._second(peer, survey, headers, now, wall)

    def _first(self, peer: bytes, headers: Sequence[Header], now: int, wall: int) -> list[Action]:
        entries = self._tree.judge(headers, wall)
        if entries and not self._worth.weighty(entries[-1]):
            start = self._tree.entry(entries[0].header.previous)
            assert start is not None  # or judging had refused it
            self._surveys[peer] = Survey(start, entries[-1], [entries[-1].id])
            return self._survey_on(peer, headers, now)
        if self._worth.too_many(peer, entries):
            self.forget(peer)
            return [*self._peers.blame(peer, ENDLESS, now)]
        kept = self._keep(peer, entries)
        if headers:
            self._peers.showed(peer, headers[-1].id)
        more = len(headers) == MAX_HEADERS and self._goes_on(peer, headers[-1], bool(entries))
        return [*kept, *([self._ask(peer, now)] if more else self._end(peer, now))]

    def _goes_on(self, peer: bytes, last: Header, new: bool) -> bool:
        """Whether to ask on from where a full answer ended: not for ever if it tells nothing."""
        before, entry = self._cursors.get(peer), self._tree.entry(last.id)
        further = new or before is None or before.last.header.height < last.height
        idle = 0 if further or before is None else before.idle + 1
        if entry is None or idle > IDLE:
            return False
        self._cursors[peer] = Cursor(entry, idle)
        return True

    def _further(
        self, peer: bytes, survey: Survey, headers: Sequence[Header], now: int, wall: int
    ) -> list[Action]:
        """More of a branch that still lacks work."""
        if headers and headers[0].previous != survey.last.id:
            self.forget(peer)
            return [*self._peers.blame(peer, CONTRADICTION, now)]
        entries = self._tree.judge(headers, wall, survey.last)
        if entries:
            survey.last = entries[-1]
            survey.marks.append(survey.last.id)
        if len(survey.marks) > SURVEY:
            self.forget(peer)
            return [*self._peers.blame(peer, ENDLESS, now)]
        if self._worth.weighty(survey.last):
            survey.again = 0
            return [self._ask(peer, now)]
        return self._survey_on(peer, headers, now)

    def _survey_on(self, peer: bytes, headers: Sequence[Header], now: int) -> list[Action]:
        if len(headers) == MAX_HEADERS:
            return [self._ask(peer, now)]
        last = self._surveys[peer].last
        boasts = self._peers[peer].claim > work_of_entry(last)
        self.forget(peer)
        self._settle(peer)
        if boasts:
            return [*self._peers.blame(peer, BOAST, now)]
        return self._little(peer, last, now)

    def _little(self, peer: bytes, last: Entry, now: int) -> list[Action]:
        """A branch is not kept; to tell of it is an offence if blocks we have beat it by far."""
        if not self._worth.poor(last):
            return []
        return [*self._peers.blame(peer, LOW_WORK, now)]

    def _second(
        self, peer: bytes, survey: Survey, headers: Sequence[Header], now: int, wall: int
    ) -> list[Action]:
        """The branch has shown its work: keep exactly the headers that were judged before."""
        assert survey.again is not None
        mark, ids = survey.marks[survey.again], [header.id for header in headers]
        if mark not in ids:
            self.forget(peer)
            return [*self._peers.blame(peer, CONTRADICTION, now)]
        entries = self._tree.judge(headers[: ids.index(mark) + 1], wall)
        survey.again += 1
        if survey.again == len(survey.marks):
            del self._surveys[peer]
        kept = self._keep(peer, entries)
        self._peers.showed(peer, mark)
        return [*kept, self._ask(peer, now)]

    def _keep(self, peer: bytes, entries: Sequence[Entry]) -> list[Action]:
        if not entries:
            return []
        self._peers[peer].stored += len(entries)
        self._peers[peer].faults = 0
        return [KeepHeaders(self._tree.keep(entries).added)]

    def _end(self, peer: bytes, now: int) -> list[Action]:
        """A peer has shown all its headers: did it keep its word?

        One that has changed its branch meanwhile is forgiven: we know as good a header anyway.
        """
        known = max(self._peers.shown_work(peer), work_of_entry(self._tree.best()))
        boasts = self._peers[peer].claim > known
        self._settle(peer)
        self._cursors.pop(peer, None)
        return [*self._peers.blame(peer, BOAST, now)] if boasts else []

    def _settle(self, peer: bytes) -> None:
        """Believe what it showed, or its word could hold our attention for ever."""
        known = self._peers[peer]
        known.hint, known.claim = False, min(known.claim, self._peers.shown_work(peer))

    # Announcements

    def announced(self, peer: bytes, header: Header, now: int, wall: int) -> list[Action]:
        """A peer's new tip: kept when its parent is known and its work is worth it."""
        if self._tree.entry(header.previous) is None and not self._tree.refused(header.previous):
            self._peers[peer].hint = True
            return []
        try:
            entries = self._tree.judge([header], wall)
        except Invalid as error:
            return [*self._peers.blame(peer, offence_of(error), now)]
        if entries and not self._worth.weighty(entries[-1]):
            return [] if self._worth.pardons(peer) else self._little(peer, entries[-1], now)
        if self._worth.too_many(peer, entries):
            return [*self._peers.blame(peer, ENDLESS, now)]
        kept = self._keep(peer, entries)
        self._peers.showed(peer, header.id)
        return kept
