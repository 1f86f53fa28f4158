"""A conviction: stake is cut once, on its way back too; key and operator are buried."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.sidechain.modules.stake.actions import Register
from bystack.sidechain.modules.stake.ballots import NothingDue
from tests.sidechain.modules.desk import root_of
from tests.sidechain.modules.stake.table import CONFIG, Table, person, runner

A, B = runner(1), runner(2)
ANN = person(50)
TENTH = replace(CONFIG, slash=1_000)


def tabled(config: object = TENTH) -> Table:
    table = Table(config)  # type: ignore[arg-type]
    table.register(A, 1_000)
    table.register(B, 1_000)
    table.vote(ANN, A, 505)
    return table


def test_all_ballots_are_cut_into_the_fees() -> None:
    table = tabled()
    assert table.convict(A) == 100 + 50
    assert table.fees[BTM] == 150 and table.held.total() == 2_355
    found = table.candidate(A)
    assert (found.own, found.stake, found.gone) == (900, 1_355, 1)
    assert table.candidate(B).stake == 1_000
    assert table.book.tomb(A.key) and table.book.tomb(A.root) and not table.book.tomb(B.key)


def test_once() -> None:
    table = tabled()
    table.convict(A)
    before = dict(table.store)
    assert table.convict(A) == 0 and dict(table.store) == before


def test_stake_on_its_way_back_is_cut_when_it_is_paid() -> None:
    table = tabled()
    table.unvote(ANN, A, 205)
    table.next_epoch()
    table.convict(A)
    table.unvote(ANN, A, 270)  # cut already: not again
    for _ in range(CONFIG.unbonding):
        table.next_epoch()
    before = table.fees[BTM]
    # 205 less a tenth, rounded down; and 300 less a tenth was cut at once
    assert table.withdraw(ANN) == (205 - 20) + 270
    assert table.book.forfeit == 20
    table.blocks()
    assert table.fees[BTM] == before + 20 and table.book.forfeit == 0


def test_stake_that_was_free_when_the_crime_was_proved_is_not_cut() -> None:
    table = tabled()
    table.unvote(ANN, A, 205)
    for _ in range(CONFIG.unbonding):
        table.next_epoch()
    table.convict(A)
    assert table.withdraw(ANN) == 205


def test_stake_bound_to_the_last_epoch_is_cut() -> None:
    table = tabled()
    table.unvote(ANN, A, 205)
    for _ in range(CONFIG.unbonding - 1):
        table.next_epoch()
    table.convict(A)
    table.next_epoch()
    assert table.withdraw(ANN) == 185


def test_a_candidate_that_left_answers_too() -> None:
    table = tabled()
    table.unregister(A)
    assert table.convict(A) == 50
    for _ in range(CONFIG.unbonding):
        table.next_epoch()
    assert table.withdraw(A.operator) == 900


def test_all_of_it_may_be_lost() -> None:
    table = tabled(replace(CONFIG, slash=10_000))
    table.unvote(ANN, A, 100)
    assert table.convict(A) == 1_405
    assert table.book.ballots(A.key) == ()
    for _ in range(CONFIG.unbonding):
        table.next_epoch()
    assert table.withdraw(ANN) == 0
    with pytest.raises(NothingDue):
        table.withdraw(ANN)
    table.blocks()
    assert table.held.total() == 1_000


def test_whole_units_are_cut() -> None:
    table = tabled()
    table.vote(ANN, A, 55)  # 560 in all, of which a tenth is 56
    table.unit = 10
    assert table.convict(A) == 100 + 50


def test_a_key_that_is_no_candidate_is_buried() -> None:
    table = tabled()
    stranger = runner(9)
    assert table.convict(stranger) == 0 and table.book.tomb(stranger.key)
    with pytest.raises(Exception, match="Tombstoned"):
        table.register(stranger)
    assert isinstance(stranger.register(), Register) and root_of(stranger.operator)
