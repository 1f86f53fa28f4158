"""Working hours: the days of the week and the time of day at which a signer signs.

The time is an argument: Unix seconds, and the zone's offset from UTC in minutes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY: Final = 24 * 60
_EPOCH_DAY: Final = 3
"""1 January 1970 was a Thursday."""


class Hours(NamedTuple):
    """Days (0: Monday), from and to in minutes after midnight, the zone's offset in minutes.

    Where `to` is not after `start` the shift ends on the next day and counts for the day it began.
    """

    days: tuple[int, ...]
    start: int
    to: int
    zone: int


def open_at(hours: Hours, now: int) -> bool:
    """Whether these hours cover the moment `now` (Unix seconds)."""
    minutes = now // 60 + hours.zone
    day, minute = (minutes // DAY + _EPOCH_DAY) % 7, minutes % DAY
    if hours.start < hours.to:
        return day in hours.days and hours.start <= minute < hours.to
    late = day in hours.days and minute >= hours.start
    early = (day - 1) % 7 in hours.days and minute < hours.to
    return late or early
