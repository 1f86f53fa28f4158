"""Removal for cause: what proves a member guilty, and how much weight decides then."""

import msgspec
import pytest

from bystack.federation.identity import identity_sign
from bystack.federation.messages import Receipt, signing_digest
from bystack.federation.module.actions import STATE, QuorumMissing, action_digest
from bystack.federation.module.decisions import (
    EXECUTED,
    Cause,
    Evidence,
    Stated,
    TwoStatements,
    TwoWords,
)
from bystack.federation.module.evidence import AccusedUnknown, EvidenceWorthless
from bystack.federation.module.membership import change_of
from bystack.federation.statements import AssetTerms, Statement
from bystack.ledger.amounts import BTM
from bystack.primitives.codec import encode
from bystack.primitives.keys import sign
from bystack.sidechain.payments import SignatureWrong
from tests.federation.module.parliament import Parliament, identity, secret

SESSION = b"\x21" * 32
GUILTY = 4


def cause(*evidence: Evidence, accused: int = GUILTY) -> Cause:
    return Cause(identity(accused), 4, 0, b"see there", evidence)


def statement(house: Parliament, vault: int) -> Statement:
    row = AssetTerms(BTM, vault, 9, 0, 0, 0, 0, 0)
    id = house.world.genesis.id
    return Statement(id, 1, b"\x01" * 32, 3, 3, b"\x02" * 32, 1, bytes(32), (row,))


def stated(house: Parliament, vault: int, by: int = GUILTY) -> Stated:
    said = statement(house, vault)
    digest = action_digest(house.world.genesis.id, STATE, encode(said), 1)
    return Stated(said, 1, sign(secret(by), digest, bytes(32)))


def word(body: bytes, by: int = GUILTY, turn: int = 1, sender: int = 4) -> Receipt:
    digest = body * 32
    return Receipt(digest, identity_sign(secret(by), signing_digest(SESSION, sender, turn, digest)))


def words(first: Receipt, second: Receipt) -> TwoWords:
    return TwoWords(SESSION, 4, 1, first, second)


def proofs(house: Parliament) -> list[Evidence]:
    return [
        TwoStatements(stated(house, 9), stated(house, 8)),
        words(word(b"a"), word(b"b")),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_with_evidence_most_of_the_others_decide(which: int) -> None:
    """4 of the other 6; without it the threshold, 5 of 6."""
    house = Parliament()
    proved = cause(proofs(house)[which])
    with pytest.raises(QuorumMissing):
        house.world.block(house.enact_tx(proved, (0, 2)))
    with pytest.raises(QuorumMissing):
        house.world.block(house.enact_tx(cause(), (0, 1)))
    copy = Parliament()
    copy.world = house.world.copy()
    copy.enact(proved, (0, 1))
    proposal = house.propose(proved, by=0)
    assert house.ask("getproposal", proposal.number)["needed"] == 4
    assert house.vote(proposal, (1,)).state == EXECUTED
    for one in (house, copy):
        change = change_of(one.state)
        assert change is not None
        assert change.standing.position(identity(GUILTY)) is None


def test_without_evidence_the_threshold_of_the_others() -> None:
    house = Parliament()
    house.enact(cause(), (0, 1, 2))
    assert change_of(house.state) is not None


def test_signatures_of_others_and_old_words_prove_nothing() -> None:
    house = Parliament()
    same = stated(house, 9)
    foreign = msgspec.structs.replace(statement(house, 8), chain=b"\x07" * 32)
    elsewhere = Stated(foreign, 1, same.signature)
    wrong: list[Evidence] = [
        TwoStatements(same, same),
        TwoStatements(same, elsewhere),
        words(word(b"a"), word(b"a")),
        words(word(b"a"), word(b"b", by=3)),
        words(word(b"a"), word(b"b", turn=2)),
        words(word(b"a"), word(b"b", sender=3)),
    ]
    for evidence in wrong:
        for tx in (house.enact_tx(cause(evidence), (0, 1)),):
            with pytest.raises(EvidenceWorthless):
                house.world.block(tx)
        with pytest.raises(EvidenceWorthless):
            house.propose(cause(evidence), by=0)
    forged = TwoStatements(same, stated(house, 8, by=3))
    with pytest.raises(SignatureWrong):
        house.world.block(house.enact_tx(cause(forged), (0, 1)))
    with pytest.raises(SignatureWrong):
        house.propose(cause(forged), by=0)
    assert change_of(house.state) is None


def test_who_is_no_member_is_not_accused() -> None:
    house = Parliament()
    with pytest.raises(AccusedUnknown):
        house.enact(cause(accused=9))
    with pytest.raises(AccusedUnknown):
        house.propose(cause(accused=9))
