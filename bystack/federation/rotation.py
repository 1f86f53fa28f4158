"""How far a federation may change at once, and when old shares call for a new key.

A reshare leaves the group key as it is, so whoever kept shares of an earlier epoch keeps them for
the life of the key (`federation.md`, section 4). What follows bounds what they could do with them.
"""

from __future__ import annotations

from collections.abc import Iterable

from bystack.federation.members import Roster
from bystack.primitives.errors import Invalid


class InvalidRotation(Invalid):
    """The members must not change like this."""


class ChangeTooLarge(InvalidRotation):
    """More than a third of the weight changes at once."""


class TooManyDeparted(InvalidRotation):
    """With old shares they may have kept, departed members could sign: make a new key instead."""


def shifted(old: Roster, new: Roster) -> int:
    """The weight that changes: what members lose together or gain together, whichever is more."""
    before = {member.identity: member.weight for member in old.members}
    after = {member.identity: member.weight for member in new.members}
    shifts = [after.get(one, 0) - before.get(one, 0) for one in {*before, *after}]
    return max(sum(by for by in shifts if by > 0), -sum(by for by in shifts if by < 0))


def check_shift(old: Roster, new: Roster) -> None:
    """Raise `ChangeTooLarge` if more than a third of the old weight changes."""
    if 3 * shifted(old, new) > old.total:
        raise ChangeTooLarge(weight=shifted(old, new), total=old.total)


def departed(past: Roster, present: Roster) -> int:
    """The weight in a past epoch of those who have no seat now."""
    staying = {member.identity for member in present.members}
    return sum(member.weight for member in past.members if member.identity not in staying)


def check_departed(past: Iterable[Roster], present: Roster) -> None:
    """Raise `TooManyDeparted` unless a new epoch with `present` is safe under the same key.

    `past`: every epoch of this group key, the one in force included, and every reshare of it that
    was given up. In each the departed weight and the faults it tolerates (n - t) must stay below
    its threshold. A new key needs no such check: shares of the old one sign nothing then.
    """
    for roster in past:
        faults = roster.total - roster.threshold
        gone = departed(roster, present)
        if gone + faults >= roster.threshold:
            raise TooManyDeparted(departed=gone, faults=faults, threshold=roster.threshold)
