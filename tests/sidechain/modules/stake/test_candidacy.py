"""Standing for election: what it takes, what is refused, leaving and coming back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.ledger.checks import SignatureWrong
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.approvals import ApprovalMissing
from bystack.sidechain.modules.stake import candidacy
from bystack.sidechain.modules.stake.actions import (
    PossessionWrong,
    Unjail,
    Unregister,
    Update,
)
from bystack.sidechain.modules.stake.candidacy import (
    CandidateKnown,
    CandidateUnknown,
    CommissionInvalid,
    JailedStill,
    NodeTaken,
    NodeUnset,
    NotJailed,
    OperatorForeign,
    OwnStakeSmall,
    RosterFull,
    Tombstoned,
)
from tests.sidechain.modules.desk import CHAIN, root_of
from tests.sidechain.modules.stake.table import Table, person, runner

A, B, C = runner(1), runner(2), runner(3)


def standing(table: Table) -> list[bytes]:
    return [one.key for one in table.book.roster()]


def test_a_candidate_stands_with_its_own_stake_locked() -> None:
    table = Table()
    table.register(A, 150)
    found = table.candidate(A)
    assert (found.stake, found.own, found.gone, found.jailed) == (150, 150, 0, 0)
    assert (found.operator, found.node, found.commission) == (A.root, A.node, 1_000)
    assert table.held.total() == 150 and standing(table) == [A.key]


REFUSED: list[tuple[type[Invalid], dict[str, object]]] = [
    (OwnStakeSmall, {"amount": 99}),
    (CommissionInvalid, {"commission": 10_001}),
    (NodeUnset, {"node": bytes(32)}),
    (NodeTaken, {"node": B.node}),
    (CandidateKnown, {"key": B.key, "operator": A.root}),
    (PossessionWrong, {"proof": B.proof}),
    (SignatureWrong, {"consent": A.consent(root=B.root)}),
    (SignatureWrong, {"consent": A.consent(chain=bytes(32))}),
    (SignatureWrong, {"consent": A.proof}),
]


@pytest.mark.parametrize(("error", "fields"), REFUSED)
def test_what_does_not_stand(error: type[Invalid], fields: dict[str, object]) -> None:
    table = Table()
    table.register(B)
    before = dict(table.store)
    with pytest.raises(error):
        table.do(replace(A.register(), **fields), A.operator)
    assert dict(table.store) == before and standing(table) == [B.key]


def test_the_operator_itself_registers() -> None:
    """Else its name could be buried for another's validator."""
    table = Table()
    with pytest.raises(ApprovalMissing):
        table.do(A.register())
    with pytest.raises(Invalid):
        table.do(A.register(), B.operator)
    table.register(A)
    for action in (Update(A.root, A.key, A.node, 0), Unregister(A.root, A.key)):
        with pytest.raises(ApprovalMissing):
            table.do(action)
    foreign = Unregister(B.root, A.key)
    with pytest.raises(OperatorForeign):
        table.do(foreign, B.operator)


def test_nobody_registers_anothers_key_with_its_public_proof() -> None:
    table = Table()
    stolen = replace(B.register(), key=A.key, proof=A.proof)
    with pytest.raises(SignatureWrong):
        table.do(stolen, B.operator)


def test_node_and_commission_change_and_only_downwards() -> None:
    table = Table()
    table.register(A, commission=500)
    table.register(B)
    new = bytes([9]) * 32
    table.do(Update(A.root, A.key, new, 400), A.operator)
    assert (table.candidate(A).node, table.candidate(A).commission) == (new, 400)
    for error, action in (
        (CommissionInvalid, Update(A.root, A.key, new, 401)),
        (NodeTaken, Update(A.root, A.key, B.node, 400)),
        (NodeUnset, Update(A.root, A.key, bytes(32), 400)),
        (CandidateUnknown, Update(C.root, C.key, new, 0)),
    ):
        with pytest.raises(error):
            table.do(action, A.operator if action.key == A.key else C.operator)
    # The node it left is free again.
    table.do(replace(C.register(), node=A.node), C.operator)
    assert table.candidate(C).node == A.node


def test_leaving_and_coming_back() -> None:
    table = Table()
    for one in (A, B, C):
        table.register(one)
    table.vote(person(50), A, 30)
    table.unregister(A)
    assert sorted(standing(table)) == sorted([B.key, C.key])
    assert {one.place for one in table.book.roster()} == {0, 1}
    gone = table.candidate(A)
    assert (gone.gone, gone.own, gone.stake) == (1, 0, 30)
    with pytest.raises(CandidateUnknown):
        table.unregister(A)
    with pytest.raises(CandidateUnknown):
        table.vote(person(50), A, 30)
    table.register(A, 200)
    back = table.candidate(A)
    assert (back.gone, back.own, back.stake, back.place) == (0, 200, 230, 2)
    assert len(list(table.book.everyone())) == 3


def test_a_key_that_left_stays_its_operators() -> None:
    table = Table()
    table.register(A)
    table.unregister(A)
    other = replace(A.register(), operator=B.root, consent=A.consent(root=B.root))
    with pytest.raises(OperatorForeign):
        table.do(other, B.operator)


def test_a_full_roster_gives_way_to_more_stake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidacy, "MAX_CANDIDATES", 2)
    table = Table()
    table.register(A, 100)
    table.vote(person(50), A, 50)
    table.register(B, 200)
    with pytest.raises(RosterFull):
        table.register(C, 150)
    table.register(C, 151)
    assert sorted(standing(table)) == sorted([B.key, C.key])
    assert table.candidate(A).gone and table.candidate(A).stake == 150
    assert table.unvote(person(50), A, 50)


def test_out_of_jail_when_its_time_is_over() -> None:
    table = Table()
    table.register(A)
    with pytest.raises(NotJailed):
        table.do(Unjail(A.root, A.key), A.operator)
    table.elect(A)
    table.blocks(B, count=20)
    table.next_epoch(B)
    assert table.candidate(A).jailed == 2
    with pytest.raises(JailedStill):
        table.do(Unjail(A.root, A.key), A.operator)
    table.unregister(A)
    table.register(A)
    assert table.candidate(A).jailed == 2, "leaving is no way out"
    table.next_epoch()
    table.do(Unjail(A.root, A.key), A.operator)
    assert table.candidate(A).jailed == 0


def test_the_convicted_never_stand_again() -> None:
    table = Table()
    table.register(A)
    table.convict(A)
    with pytest.raises(Tombstoned):
        table.register(A)
    # Nor does the operator with another key.
    fresh = replace(C.register(), operator=A.root, consent=C.consent(CHAIN, A.root))
    with pytest.raises(Tombstoned):
        table.do(fresh, A.operator)
    assert root_of(A.operator) == A.root


def test_another_validator_of_a_convicted_operator_only_leaves() -> None:
    table = Table()
    table.register(A)
    table.do(replace(B.register(), operator=A.root, consent=B.consent(CHAIN, A.root)), A.operator)
    table.convict(A)
    with pytest.raises(Tombstoned):
        table.do(Update(A.root, B.key, B.node, 0), A.operator)
    table.do(Unregister(A.root, B.key), A.operator)
    assert standing(table) == []
