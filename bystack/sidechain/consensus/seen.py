"""What a node heard: at each height a slot for each word of each validator, a few sums beside.

Votes and TIMEOUTs may stand here unverified, certificates never. What might contradict a new word
is found by its place, without looking at the rest (bbft.md, section 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bystack.sidechain.consensus.offences import Statement
from bystack.sidechain.consensus.statements import (
    COMMIT,
    PREPARE,
    Aggregate,
    Certificate,
    SignedProposal,
    Step,
    Timeout,
    TimeoutCertificate,
    Vote,
)

VIEWS = 32
SUMS = 64
MAX_REPORTED = 1_024
MAX_MUTED = 1_024

PROPOSE, TIMEOUT = int(Step.PROPOSE), int(Step.TIMEOUT)
Place = tuple[int, int]
"""Step and view."""


def place(statement: Statement) -> Place:
    """Where in its height a statement belongs."""
    match statement:
        case SignedProposal(view=view):
            return PROPOSE, view
        case Vote() | Certificate() | Aggregate():
            return statement.kind, statement.view
        case _:
            return TIMEOUT, statement.view


def speaker(statement: Statement) -> int:
    """The validator a statement is of, -1 for a sum."""
    match statement:
        case SignedProposal(index=index) | Vote(index=index) | Timeout(index=index):
            return index
        case _:
            return -1


class Seen:
    """The words of one height, the latest `VIEWS` views of it."""

    def __init__(self) -> None:
        self._words: dict[Place, dict[int, Statement]] = {}
        self._sums: dict[Place, list[Statement]] = {}
        self.final: tuple[Certificate, ...] = ()
        self.shown: set[int] = set()
        self.split = False
        self._old = False

    def __len__(self) -> int:
        words = sum(map(len, self._words.values()))
        return words + sum(map(len, self._sums.values()))

    def proposals(self, view: int) -> list[SignedProposal]:
        """The leader's words in a view."""
        heard = self._words.get((PROPOSE, view), {}).values()
        return [one for one in heard if isinstance(one, SignedProposal)]

    @property
    def sums(self) -> list[Statement]:
        """All certificates and sums of votes, as they came."""
        return [one for place in self._sums.values() for one in place]

    def rivals(self, statement: Statement) -> Iterator[Statement]:
        """What may contradict a statement: the same place, and what it should remember."""
        step, view = where = place(statement)
        index = speaker(statement)
        yield from self._at(where, index)
        if step == PREPARE:
            yield from self._sums.get((TIMEOUT, view - 1), ())
        if step == TIMEOUT:
            yield from self._sums.get((PREPARE, view + 1), ())
        for other in [*self._words, *(p for p in self._sums if p not in self._words)]:
            forgets = (step, other[0]) == (COMMIT, TIMEOUT) and other[1] >= view
            forgotten = (other[0], step) == (COMMIT, TIMEOUT) and other[1] <= view
            if forgets or forgotten:
                yield from self._at(other, index)

    def _at(self, where: Place, index: int) -> Iterator[Statement]:
        """What one validator said at a place, or (-1) all said; and the sums."""
        words = self._words.get(where, {})
        if index < 0:
            yield from words.values()
        elif index in words:
            yield words[index]
        yield from self._sums.get(where, ())

    def keep(self, statement: Statement) -> None:
        """Remember a statement unless its slot is taken, or its height too old for it."""
        if self._old and not isinstance(statement, Certificate | TimeoutCertificate):
            return
        where, index = place(statement), speaker(statement)
        if index >= 0:
            said = statement.bare() if isinstance(statement, Timeout) else statement
            self._words.setdefault(where, {}).setdefault(index, said)
        else:
            self._keep_sum(statement, self._sums.setdefault(where, []))
        for old in (self._words, self._sums):
            if len(old) > 4 * VIEWS:
                del old[min(old, key=lambda p: p[1])]

    def _keep_sum(self, statement: Statement, sums: list[Statement]) -> None:
        """A certificate takes the place of a sum of votes, if there is no other."""
        if _known(statement, sums):
            return
        if len(sums) >= SUMS and not isinstance(statement, Aggregate):
            votes = next((one for one in sums if isinstance(one, Aggregate)), None)
            sums[:] = [one for one in sums if one is not votes]
        if len(sums) < SUMS:
            sums.append(statement)

    def forget_words(self) -> None:
        """Keep certificates alone: of sums of votes, unverified, a peer can make any number."""
        if self._old:
            return
        self._old = True
        self._words.clear()
        for where, sums in self._sums.items():
            self._sums[where] = [s for s in sums if isinstance(s, Certificate | TimeoutCertificate)]

    def drop(self, statement: Statement) -> None:
        """Forget what proved unsigned: it only kept a place from what is signed."""
        where, index = place(statement), speaker(statement)
        if index >= 0:
            self._words.get(where, {}).pop(index, None)
        elif statement in self._sums.get(where, ()):
            self._sums[where].remove(statement)


def _known(statement: Statement, sums: list[Statement]) -> bool:
    """Two certificates for one thing are as good as one."""
    if not isinstance(statement, Certificate):
        return statement in sums
    subject = (statement.block, statement.justify)
    return any(isinstance(s, Certificate) and (s.block, s.justify) == subject for s in sums)


@dataclass
class Watch:
    """What a node heard lately, whom it has reported, and who cried wolf until when (ms)."""

    heights: dict[int, Seen] = field(default_factory=dict)
    reported: dict[bytes, None] = field(default_factory=dict)
    muted: dict[bytes, int] = field(default_factory=dict)

    def news(self, keys: Iterable[bytes]) -> list[bytes]:
        """Those not reported yet."""
        return [key for key in keys if key not in self.reported]

    def report(self, keys: Iterable[bytes]) -> None:
        """Remember as reported, the oldest making room."""
        self.reported.update(dict.fromkeys(keys))
        while len(self.reported) > MAX_REPORTED:
            del self.reported[next(iter(self.reported))]

    def mute(self, node: bytes, until: int) -> None:
        """Do not verify this node's accusations for a while."""
        if len(self.muted) >= MAX_MUTED:
            self.muted.clear()
        self.muted[node] = until
