"""The election: most stake first, equal weights, who may not be elected, too few to elect."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.sidechain.modules.stake.records import StakeConfig
from tests.sidechain.modules.desk import CHAIN
from tests.sidechain.modules.stake.table import CONFIG, Runner, Table, person, runner

RUNNERS = [runner(number) for number in range(1, 8)]


def keys(*runners: Runner) -> list[bytes]:
    return sorted(one.key for one in runners)


@pytest.fixture
def table() -> Table:
    """Seven candidates, the first with the least stake."""
    made = Table()
    for number, one in enumerate(RUNNERS):
        made.register(one, 100 + number)
    return made


def test_the_most_stake_in_order_of_keys_with_one_weight(table: Table) -> None:
    chosen = table.elect()
    assert [one.key for one in chosen] == keys(*RUNNERS[3:])
    assert {one.weight for one in chosen} == {1}
    mine = next(one for one in chosen if one.key == RUNNERS[6].key)
    assert (mine.proof, mine.node) == (RUNNERS[6].proof, RUNNERS[6].node)


def test_votes_change_who_is_elected(table: Table) -> None:
    table.vote(person(50), RUNNERS[0], 10)
    assert [one.key for one in table.elect()] == keys(RUNNERS[0], *RUNNERS[4:])
    table.unvote(person(50), RUNNERS[0], 10)
    assert [one.key for one in table.elect()] == keys(*RUNNERS[3:])


def test_equal_stake_goes_by_key() -> None:
    table = Table()
    for one in RUNNERS:
        table.register(one, 100)
    assert [one.key for one in table.elect()] == keys(*RUNNERS)[:4]


def test_too_little_own_stake_is_not_elected_whatever_the_votes(table: Table) -> None:
    table.vote(person(50), RUNNERS[6], 1_000)
    table.unvote(RUNNERS[6].operator, RUNNERS[6], 7)
    assert table.candidate(RUNNERS[6]).own == 99
    assert [one.key for one in table.elect()] == keys(*RUNNERS[2:6])
    table.vote(RUNNERS[6].operator, RUNNERS[6], 10)
    assert RUNNERS[6].key in [one.key for one in table.elect()]


def test_fewer_than_the_least_set_elect_nobody() -> None:
    table = Table()
    for one in RUNNERS[:3]:
        table.register(one)
    assert table.elect() == ()
    table.register(RUNNERS[3])
    assert len(table.elect()) == 4
    table.unregister(RUNNERS[0])
    assert table.elect() == ()


def test_the_jailed_and_the_convicted_are_left_out(table: Table) -> None:
    table.elect(*RUNNERS[3:])
    table.blocks(*RUNNERS[4:], count=20)
    table.next_epoch(*RUNNERS[4:])
    assert [one.key for one in table.elect()] == keys(RUNNERS[2], *RUNNERS[4:])
    table.convict(RUNNERS[6])
    assert [one.key for one in table.elect()] == keys(*RUNNERS[1:3], *RUNNERS[4:6])


def test_another_validator_of_a_convicted_operator_is_left_out(table: Table) -> None:
    operator = RUNNERS[6]
    second = runner(8)
    consent = second.consent(CHAIN, operator.root)
    table.do(
        replace(second.register(900), operator=operator.root, consent=consent), operator.operator
    )
    assert second.key in [one.key for one in table.elect()]
    table.convict(operator)
    assert [one.key for one in table.elect()] == keys(*RUNNERS[2:6])


def test_as_many_seats_as_the_genesis_says() -> None:
    table = Table(replace(CONFIG, seats=6))
    for one in RUNNERS:
        table.register(one)
    assert len(table.elect()) == 6
    assert isinstance(table.book.config, StakeConfig)
