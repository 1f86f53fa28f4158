"""What a guard says and does: kinds of alarms, and the lines of its journal.

An alarm has a subject, so that the same thing is said once, whatever is restarted. One that stands
for a condition ends when the condition is gone and may rise again; one about an event never ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from bystack.ledger.transactions import Outpoint
from bystack.primitives.codec import U8, U63, Bit, Bytes32, Wire
from bystack.primitives.hashes import fixed, tagged

MAX_FACTS = 4_000
MAX_LINE = 8_000

_subject = tagged("guard/subject")
_hand = tagged("guard/hand")


class Kind(IntEnum):
    """What a guard raises an alarm about."""

    UNKNOWN_SPEND = 1
    """The vault was spent by an order that no final batch of the sidechain backs."""
    UNBACKED_MINT = 2
    """The sidechain owes more than the vault holds, and knows no reason."""
    EQUIVOCATION = 3
    """The sidechain's validators contradicted themselves."""
    UNDECIDED_TERMS = 4
    """Terms were announced that governance did not decide."""
    TAKEN_OVER = 5
    """New terms came into force: adopted without a decision, replaced, or recovered."""
    GUARD_ACTED = 6
    """Some guard froze, cancelled or vetoed."""
    IDLE_HALF = 7
    """The anchor was not touched for half of the time after which recovery may take over."""
    IDLE_LATE = 8
    """The anchor was not touched for nine tenths of that time."""
    RELAY_LAG = 9
    """The sidechain's relay is far behind the main chain."""
    SILENT = 10
    """The sidechain has had no final block for long."""
    DEFICIT = 11
    """The sidechain declares a deficit."""
    STOPPED = 12
    """A rule stopped the sidechain's pegs."""
    BLIND = 13
    """This guard's own node is not up to date: it judges nothing."""
    PURSE_LOW = 14
    """The guard's purse can hardly pay the fees of two acts at once."""
    ACT_FAILED = 15
    """What the guard wanted to do was refused."""


class ActKind(IntEnum):
    """What a guard may do to a vault; none of it moves value out."""

    FREEZE = 1
    VETO = 2
    CANCEL = 3


class AlarmRecord(Wire, tag=1):
    """An alarm as the journal keeps it: raised (`standing` 1) or ended (0).

    `height`: of the main chain; `time`: seconds; `facts`: a JSON object.
    """

    kind: U8
    subject: Bytes32
    standing: Bit
    height: U63
    time: U63
    facts: Annotated[bytes, Meta(max_length=MAX_FACTS)]


class ActRecord(Wire, tag=2):
    """An act that was begun for the alarm `subject`, bound to the turn it is signed for.

    So it is done once: when the turn has passed it is over, whoever passed it. `target`: the
    outpoint vetoed, or the terms cancelled.
    """

    kind: U8
    subject: Bytes32
    turn: U63
    outpoint: Annotated[tuple[Outpoint, ...], Meta(max_length=1)]
    terms: Annotated[tuple[Bytes32, ...], Meta(max_length=1)]


Line = AlarmRecord | ActRecord


class Alarm(NamedTuple):
    """Say it: once for its subject. `standing`: it ends when the condition is gone."""

    kind: Kind
    subject: bytes
    facts: Mapping[str, Any]
    standing: bool = False


class Ended(NamedTuple):
    """The condition behind an alarm is gone."""

    kind: Kind
    subject: bytes


class Act(NamedTuple):
    """Do it, unless it was begun for this subject before. `automatic`: by the guard's own rules."""

    kind: ActKind
    subject: bytes
    outpoint: Outpoint | None = None
    terms: bytes | None = None


Output = Alarm | Ended | Act


def subject_of(kind: Kind, *parts: bytes | int) -> bytes:
    """The subject of an alarm: what makes it the same alarm again."""
    given = (fixed(part) if isinstance(part, int) else part for part in parts)
    return _subject(fixed(int(kind)), *given)


def by_hand(kind: ActKind, turn: int) -> bytes:
    """The subject of an act that an operator asked for: one of each kind (and target) a turn."""
    return _hand(fixed(int(kind)), fixed(turn))
