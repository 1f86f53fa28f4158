"""Fees shared by work: exact, paid once, to operators and voters; the absent go to jail."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from tests.sidechain.modules.desk import CHAIN, root_of
from tests.sidechain.modules.stake.table import CONFIG, Runner, Table, person, runner

A, B, C, D = (runner(number) for number in range(1, 5))
ANN, BEN = person(50), person(51)
GENESIS = runner(90)
"""A validator of the genesis that is no candidate."""

VOTES_ONLY = replace(CONFIG, proposer=0)


def reward(table: Table, root: bytes) -> int:
    return table.rewards[root, BTM]


def tabled(config: object = VOTES_ONLY, *runners: Runner, commission: int = 0) -> Table:
    table = Table(config)  # type: ignore[arg-type]
    for one in runners:
        table.register(one, 100, commission)
    table.next_epoch()  # what is staked in an epoch earns from the next one on
    return table


def test_by_certificates_signed_paid_when_the_epoch_is_whole() -> None:
    table = tabled(VOTES_ONLY, A, B)
    table.fees[BTM] = 1_000
    table.blocks(A, B, count=5)
    table.blocks(A, count=4)
    assert not table.rewards
    table.next_epoch(A, B)  # the last block's certificate counts for its own epoch
    # 10 certificates by A, 6 by B
    assert (reward(table, A.root), reward(table, B.root)) == (625, 375)
    assert table.fees[BTM] == 0
    table.blocks(A, B, count=3)
    assert table.rewards.total() == 1_000


def test_a_part_goes_by_blocks_proposed() -> None:
    table = tabled(CONFIG, A, B)
    table.fees[BTM] = 1_000
    table.blocks(A, B, count=3, proposer=A)
    table.blocks(A, B, count=1, proposer=B)
    table.next_epoch(A, B)
    # 200 for 3 blocks and 1, 800 for five certificates each
    assert (reward(table, A.root), reward(table, B.root)) == (550, 450)


def test_the_first_block_of_an_epoch_is_its_proposers() -> None:
    table = tabled(replace(CONFIG, proposer=10_000), A, B)
    table.fees[BTM] = 100
    table.blocks(A, B, proposer=A)
    table.epoch += 1
    table.blocks(A, B, proposer=B)
    assert (reward(table, A.root), reward(table, B.root)) == (100, 0)
    table.fees[BTM] = 100
    table.next_epoch()
    assert (reward(table, A.root), reward(table, B.root)) == (100, 100)


def test_commission_then_by_stake() -> None:
    table = Table(VOTES_ONLY)
    table.register(A, 100, 2_000)
    table.vote(ANN, A, 200)
    table.vote(BEN, A, 100)
    table.next_epoch()
    table.fees[BTM] = 1_003
    table.blocks(A)
    table.next_epoch(A)
    # commission 200 of 1,003; 803 by 100 : 200 : 100 = 200.75 : 401.5 : 200.75
    by = {root: reward(table, root) for root in (A.root, root_of(ANN), root_of(BEN))}
    assert by[root_of(ANN)] == 401 and by[A.root] == 200 + 201 and by[root_of(BEN)] == 201
    assert sum(by.values()) == 1_003


def test_stake_added_in_an_epoch_earns_from_the_next_on() -> None:
    table = tabled(VOTES_ONLY, A)
    table.vote(ANN, A, 300)
    table.fees[BTM] = 100
    table.next_epoch(A)
    assert (reward(table, A.root), reward(table, root_of(ANN))) == (100, 0)
    table.fees[BTM] = 100
    table.next_epoch(A)
    assert (reward(table, A.root), reward(table, root_of(ANN))) == (125, 75)


def test_stake_added_before_the_epoch_is_shared_out_has_no_part_of_it() -> None:
    """In the first block of an epoch the one before is still to be shared."""
    table = tabled(VOTES_ONLY, A)
    table.vote(ANN, A, 100)
    table.fees[BTM] = 100
    table.epoch += 1
    table.vote(ANN, A, 100)
    table.blocks(A)
    assert (reward(table, A.root), reward(table, root_of(ANN))) == (100, 0)


def test_what_is_taken_back_first_is_what_was_added_last() -> None:
    table = tabled(VOTES_ONLY, A)
    table.vote(ANN, A, 100)
    table.next_epoch(A)
    table.vote(ANN, A, 50)
    table.unvote(ANN, A, 50)
    table.fees[BTM] = 100
    table.next_epoch(A)
    assert (reward(table, A.root), reward(table, root_of(ANN))) == (50, 50)


def test_without_earning_stake_the_operator_gets_it_all() -> None:
    table = Table(VOTES_ONLY)
    table.blocks(A)
    table.register(A, 100, 0)
    table.fees[BTM] = 70
    table.next_epoch(A)
    assert reward(table, A.root) == 70


def test_what_falls_to_nobody_stays_among_the_fees() -> None:
    table = tabled(VOTES_ONLY, A, B)
    table.fees[BTM] = 300
    table.convict(B)
    assert table.fees[BTM] == 305, "5 of its stake are cut"
    table.blocks(A, B, GENESIS)
    table.next_epoch(A, B, GENESIS)
    assert reward(table, A.root) in (101, 102)
    assert reward(table, B.root) == 0 and reward(table, GENESIS.root) == 0
    assert table.fees[BTM] == 305 - reward(table, A.root)


def test_another_validator_of_a_convicted_operator_earns_nothing() -> None:
    """It stays in its seat until the epoch turns; its share stays among the fees."""
    table, second = tabled(VOTES_ONLY, A, B), runner(8)
    consent = second.consent(CHAIN, B.root)
    table.do(replace(second.register(100), operator=B.root, consent=consent), B.operator)
    table.next_epoch()
    table.convict(B)
    table.fees[BTM] = 300
    table.blocks(A, second, count=4)
    table.next_epoch(A, second)
    assert reward(table, A.root) == 150 and table.rewards.total() == 150
    assert table.fees[BTM] == 150


def test_whole_units_only() -> None:
    table = tabled(VOTES_ONLY, A, B, C)
    table.unit = 10
    table.fees[BTM] = 100
    table.next_epoch(A, B, C)
    assert sorted(table.rewards.values()) == [30, 30, 40]


def test_nothing_collected_nothing_paid() -> None:
    table = tabled(VOTES_ONLY, A)
    table.next_epoch(A)
    table.fees[BTM] = 5
    table.next_epoch()  # no certificate at all
    assert not table.rewards and table.fees[BTM] == 5


@pytest.mark.parametrize(("signed", "jailed"), [(0, True), (4, True), (5, False)])
def test_jailed_below_one_in_twenty(signed: int, jailed: bool) -> None:
    table = tabled(VOTES_ONLY, A, B)
    table.elect(A, B)
    table.blocks(A, count=99 - signed)
    table.blocks(A, B, count=signed)
    table.epoch, table.signers = table.epoch + 1, (A.key,)
    told = table.turn().events
    assert [one.facts["key"] for one in told] == ([B.key.hex()] if jailed else [])
    assert bool(table.candidate(B).jailed) == jailed
    assert not table.candidate(A).jailed
    assert table.candidate(B).stake == 100, "absence is not slashed"


def test_who_did_not_validate_is_not_jailed_and_where_nobody_is_elected_nobody() -> None:
    table = tabled(VOTES_ONLY, A, B, C)
    table.elect(A, B)
    table.blocks(A, B, count=20)
    table.next_epoch(A, B)
    assert not table.candidate(C).jailed
    # No election in this epoch: the seats noted are of the last one.
    table.blocks(C, count=20)
    table.next_epoch(C)
    assert not table.candidate(A).jailed


@pytest.mark.parametrize("seed", range(10))
def test_random_epochs_pay_exactly_what_they_say(seed: int) -> None:
    """All of the fees, to the last unit, whatever the split; nobody is paid nothing."""
    random = Random(seed)
    runners = [runner(number) for number in range(1, 6)]
    table = Table(replace(CONFIG, proposer=random.randrange(10_001)))
    for one in runners:
        table.register(one, random.randrange(100, 1_000), random.randrange(10_001))
        for number in range(random.randrange(4)):
            table.vote(person(60 + number), one, random.randrange(10, 500))
    table.next_epoch()
    fees = table.fees[BTM] = random.randrange(10**12)
    for _ in range(random.randrange(1, 15)):
        present = random.sample(runners, 4)
        table.blocks(*present, proposer=present[0])
    table.epoch += 1
    table.blocks()
    assert table.fees[BTM] == 0 and table.rewards.total() == fees
    assert all(amount > 0 for amount in table.rewards.values())
