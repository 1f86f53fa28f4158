"""Locked stake: votes, taking back, waiting, being paid; nothing is lost and nothing appears."""

from __future__ import annotations

import pytest

from bystack.sidechain.modules.approvals import ApprovalMissing
from bystack.sidechain.modules.stake import ballots
from bystack.sidechain.modules.stake.actions import Unvote, VoteFor
from bystack.sidechain.modules.stake.ballots import (
    BallotsFull,
    BallotShort,
    BallotSmall,
    BallotUnknown,
    NothingDue,
    OwnerUnset,
    ReturnsFull,
    StakeUnit,
)
from bystack.sidechain.modules.stake.candidacy import CandidateUnknown, Tombstoned
from tests.sidechain.modules.desk import root_of
from tests.sidechain.modules.stake.table import CONFIG, Table, person, runner

A, B = runner(1), runner(2)
ANN, BEN, CID = person(50), person(51), person(52)


@pytest.fixture
def table() -> Table:
    made = Table()
    made.register(A)
    return made


def test_a_vote_adds_to_the_candidate(table: Table) -> None:
    table.vote(ANN, A, 40)
    table.vote(ANN, A, 10)
    table.vote(BEN, A, 10)
    found = table.candidate(A)
    assert (found.stake, found.own) == (160, 100)
    assert {one.owner: one.amount for one in table.book.ballots(A.key)} == {
        A.root: 100,
        root_of(ANN): 50,
        root_of(BEN): 10,
    }
    table.vote(A.operator, A, 20)
    assert table.candidate(A).own == 120


def test_what_is_no_vote(table: Table) -> None:
    with pytest.raises(BallotSmall):
        table.vote(ANN, A, 9)
    with pytest.raises(CandidateUnknown):
        table.vote(ANN, B, 10)
    with pytest.raises(OwnerUnset):
        table.do(VoteFor(bytes(32), A.key, 10))
    table.convict(A)
    with pytest.raises(Tombstoned):
        table.vote(ANN, A, 10)


def test_stake_comes_back_after_the_unbonding_time_and_once(table: Table) -> None:
    table.vote(ANN, A, 50)
    table.unvote(ANN, A, 30)
    assert table.candidate(A).stake == 120
    for _ in range(CONFIG.unbonding):
        with pytest.raises(NothingDue):
            table.withdraw(ANN)
        table.next_epoch()
    assert table.withdraw(ANN) == 30
    with pytest.raises(NothingDue):
        table.withdraw(ANN)
    assert table.held.total() == 120


def test_only_the_owner_takes_back(table: Table) -> None:
    table.vote(ANN, A, 50)
    with pytest.raises(ApprovalMissing):
        table.do(Unvote(root_of(ANN), A.key, 50))
    with pytest.raises(BallotUnknown):
        table.unvote(BEN, A, 50)


def test_no_more_than_there_is_and_no_crumbs(table: Table) -> None:
    table.vote(ANN, A, 50)
    for amount, error in ((51, BallotShort), (0, BallotShort), (41, BallotSmall)):
        with pytest.raises(error):
            table.unvote(ANN, A, amount)
    table.unvote(ANN, A, 40)
    table.unvote(ANN, A, 10)
    assert table.candidate(A).stake == 100 and len(table.book.ballots(A.key)) == 1


def test_what_is_taken_back_in_one_epoch_is_one_return(table: Table) -> None:
    table.vote(ANN, A, 100)
    for amount in (10, 20, 30):
        table.unvote(ANN, A, amount)
    table.next_epoch()
    table.unvote(ANN, A, 10)
    assert [(one.amount, one.epoch) for one in table.book.returns(root_of(ANN))] == [
        (60, 0),
        (10, 1),
    ]


def test_returns_are_bounded(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ballots, "MAX_RETURNS", 2)
    table.vote(ANN, A, 100)
    for _ in range(2):
        table.unvote(ANN, A, 10)
        table.next_epoch()
    with pytest.raises(ReturnsFull):
        table.unvote(ANN, A, 10)
    assert table.candidate(A).stake == 180


def test_a_larger_ballot_turns_out_the_smallest(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ballots, "MAX_BALLOTS", 3)
    table.vote(ANN, A, 20)
    table.vote(BEN, A, 30)
    with pytest.raises(BallotsFull):
        table.vote(CID, A, 20)
    table.vote(CID, A, 21)
    assert table.candidate(A).stake == 151
    assert [one.amount for one in table.book.returns(root_of(ANN))] == [20]
    table.vote(BEN, A, 10)  # who has a ballot adds to it
    assert table.candidate(A).stake == 161


def test_who_lets_its_returns_pile_up_is_turned_out_all_the_same(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else small ballots of such owners would keep everyone else from a candidate."""
    monkeypatch.setattr(ballots, "MAX_BALLOTS", 2)
    monkeypatch.setattr(ballots, "MAX_RETURNS", 2)
    table.vote(ANN, A, 100)
    for _ in range(2):
        table.unvote(ANN, A, 10)
        table.next_epoch()
    table.vote(BEN, A, 200)
    assert [one.amount for one in table.book.returns(root_of(ANN))] == [10, 10, 80]
    for _ in range(CONFIG.unbonding):
        table.next_epoch()
    assert table.withdraw(ANN) == 100


def test_the_operators_own_ballot_is_not_turned_out(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ballots, "MAX_BALLOTS", 2)
    table.vote(ANN, A, 500)
    table.vote(BEN, A, 600)
    assert table.candidate(A).own == 100
    assert table.book.returns(root_of(ANN)) and not table.book.returns(A.root)


def test_whole_units_only(table: Table) -> None:
    table.unit = 10
    with pytest.raises(StakeUnit):
        table.vote(ANN, A, 15)
    table.vote(ANN, A, 30)
    with pytest.raises(StakeUnit):
        table.unvote(ANN, A, 15)
    table.unvote(ANN, A, 20)
