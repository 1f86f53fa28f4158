"""The model year: exact to the last unit, the same everywhere, paid for work alone."""

from dataclasses import replace

import pytest

from bystack.federation.year import HABITS, HEADERS, Plan, simulate

SMALL = Plan(deposits=5, burns=4)
YEAR = simulate(SMALL)
EARNED = [126872550912, 121903103667, 62427796481, 25421928918, 1902770022]


def test_what_is_collected_is_paid_out_or_left() -> None:
    assert YEAR.collected == YEAR.sponsors + YEAR.shared + YEAR.left
    assert YEAR.shared == sum(row.earned for row in YEAR.rows) > 0
    assert YEAR.sponsors == sum(row.sponsored for row in YEAR.rows) > 0
    assert sum(row.done.headers for row in YEAR.rows) <= 365 * HEADERS


def test_one_seed_is_one_year() -> None:
    assert simulate(SMALL) == YEAR
    assert simulate(replace(SMALL, seed=2)) != YEAR
    assert [row.earned for row in YEAR.rows] == EARNED


def test_weight_and_work_decide() -> None:
    first, second, steady, seldom, absent = (row.earned for row in YEAR.rows)
    assert first > second > steady > seldom > absent > 0
    assert 1.8 < first / steady < 2.2, "twice the weight, work alike"


def test_nobody_who_is_never_there_is_paid() -> None:
    habits = (*HABITS[:4], HABITS[4]._replace(present=0))
    year = simulate(replace(SMALL, habits=habits))
    assert year.rows[4].earned == 0
    nobody = tuple(one._replace(present=0) for one in HABITS)
    empty = simulate(replace(SMALL, habits=nobody, burns=0))
    assert (empty.shared, empty.left) == (0, empty.collected)


@pytest.mark.parametrize("free", [{"pegin_bp": 0, "pegout_bp": 0, "flat": 0}])
def test_without_fees_nothing_is_shared(free: dict[str, int]) -> None:
    year = simulate(replace(SMALL, **free))  # type: ignore[arg-type]
    assert (year.collected, year.shared, year.left) == (0, 0, 0)
