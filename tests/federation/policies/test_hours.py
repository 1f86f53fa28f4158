"""Working hours: days, a time of day, a zone."""

import pytest

from bystack.federation.policies.hours import Hours, open_at
from tests.federation.policies.asked import NOON

MINUTE, HOUR, DAY = 60, 3_600, 86_400
OFFICE = Hours((0, 1, 2, 3, 4), 9 * 60, 17 * 60, 0)


@pytest.mark.parametrize(
    "after, is_open",
    [
        (0, True), (-3 * HOUR, True), (-3 * HOUR - 1, False), (5 * HOUR - 1, True),
        (5 * HOUR, False), (2 * DAY, True), (3 * DAY, False), (4 * DAY, False), (5 * DAY, True),
        (7 * DAY, True),
    ],
)  # fmt: skip
def test_an_office(after: int, is_open: bool) -> None:
    assert open_at(OFFICE, NOON + after) is is_open


def test_the_zone_moves_the_day_too() -> None:
    east = OFFICE._replace(zone=13 * 60)  # noon is one in the morning, tomorrow
    assert not open_at(east, NOON)
    assert open_at(east, NOON + 8 * HOUR)
    friday = NOON + 2 * DAY
    assert not open_at(east, friday + 8 * HOUR), "it is Saturday there"
    west = OFFICE._replace(zone=-(4 * 60))
    assert not open_at(west, NOON) and open_at(west, NOON + HOUR)


def test_a_shift_over_midnight_counts_for_the_day_it_began() -> None:
    night = Hours((2,), 22 * 60, 6 * 60, 0)  # Wednesday night
    opens = NOON + 10 * HOUR
    assert [open_at(night, opens + n) for n in (-1, 0, 8 * HOUR - 1, 8 * HOUR)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert not open_at(night, NOON - 7 * HOUR), "Wednesday's morning belongs to Tuesday's night"
    whole = Hours((2,), 0, 0, 0)
    assert open_at(whole, NOON) and not open_at(whole, NOON + DAY)
