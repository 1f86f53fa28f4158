"""Members' allowances: a fall holds at once, a rise when the epoch turns and at most twofold."""

import pytest

from bystack.federation.module.allowances import AllowanceInvalid, AllowanceLeap
from bystack.federation.module.decisions import Allowance, SetAllowances
from bystack.federation.module.membership import SeatUnknown
from bystack.ledger.amounts import BTM
from tests.federation.module.parliament import SHORT, Parliament, identity

OTHER = b"\x77" * 32


def allow(house: Parliament, *rows: Allowance) -> None:
    house.enact(SetAllowances(identity(1), rows))


def amounts(house: Parliament) -> list[int]:
    return [row["amount"] for row in house.ask("getallowances")["m1"]]


def test_the_first_and_what_is_lower_hold_at_once() -> None:
    house = Parliament()
    assert amounts(house) == []
    allow(house, Allowance(BTM, 500, 10))
    assert amounts(house) == [500]
    allow(house, Allowance(BTM, 20, 10))
    assert amounts(house) == [20]
    assert house.ask("getallowances")["m0"] == []


def test_what_is_higher_waits_for_the_epoch() -> None:
    house = Parliament(consensus=SHORT)
    allow(house, Allowance(OTHER, 500, 10), Allowance(BTM, 500, 10))
    allow(house, Allowance(OTHER, 300, 10), Allowance(BTM, 1_000, 10))
    assert amounts(house) == [300, 500]
    later = Parliament()
    later.world = house.world.copy()
    house.turn()
    assert amounts(house) == [300, 1_000]
    allow(later, Allowance(OTHER, 300, 10), Allowance(BTM, 400, 10))
    later.turn()
    assert amounts(later) == [300, 400], "what is decided later stands alone"


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ((Allowance(BTM, 1_001, 10),), AllowanceLeap),
        ((Allowance(BTM, 600, 5),), AllowanceLeap),
        ((), AllowanceLeap),
        ((Allowance(OTHER, 5, 10),), AllowanceLeap),
        ((Allowance(BTM, 0, 10),), AllowanceInvalid),
        ((Allowance(BTM, 5, 0),), AllowanceInvalid),
        ((Allowance(BTM, 5, 1), Allowance(BTM, 6, 1)), AllowanceInvalid),
    ],
)
def test_no_leaps_and_nothing_half_said(
    rows: tuple[Allowance, ...], error: type[Exception]
) -> None:
    house = Parliament()
    allow(house, Allowance(BTM, 500, 10))
    with pytest.raises(error):
        allow(house, *rows)
    assert amounts(house) == [500]


def test_an_identity_that_nobody_has_is_refused() -> None:
    house = Parliament()
    with pytest.raises(SeatUnknown) as refused:
        house.enact(SetAllowances(identity(40), (Allowance(BTM, 500, 10),)))
    assert refused.value.identity == identity(40)
    assert all(not rows for rows in house.ask("getallowances").values())
