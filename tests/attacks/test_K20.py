"""K20: a member runs a signer that is too old, or goes back to an older one.

The invariant: a quorum counts only members whose signers are as new as the rules demand, whatever
was voted before, and an older signer never comes back.
"""

import msgspec
import pytest

from bystack.federation.module.actions import Approvals, QuorumMissing
from bystack.federation.module.decisions import EXECUTED, OPEN, Lift, SetRegion, SetRules
from bystack.federation.module.enacting import SignersBehind
from bystack.federation.module.records import DEFAULT_RULES
from bystack.federation.module.voting import VersionDowngraded, VersionTooOld, proposal_of
from bystack.federation.statements import AssetTerms, SignerOutdated, Statement
from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import Approval, Transaction
from bystack.primitives.codec import decode, encode
from bystack.sidechain.payments import SignatureWrong
from tests.federation.module.parliament import Parliament

REGION = SetRegion(b"here")
NEWER = SetRules(msgspec.structs.replace(DEFAULT_RULES, version=2))


def statement(house: Parliament, version: int) -> Statement:
    header = house.world.side.header
    row = AssetTerms(BTM, 9, 9, 0, 0, 0, 0, 0)
    places = (header.chain, header.height, header.id, house.height, 3, b"\x01" * 32)
    return Statement(*places, version, bytes(32), (row,))


def with_versions(tx: Transaction, version: int) -> Transaction:
    """The same signatures, said to be of another version."""
    (witness,) = tx.witnesses
    assert isinstance(witness, Approval)
    given = decode(Approvals, witness.revealed, 10_000)
    raised = tuple(msgspec.structs.replace(one, version=version) for one in given)
    return Transaction(tx.body, (Approval(encode(raised), ()),))


def together(one: Transaction, other: Transaction) -> Transaction:
    """One action with the approvals of both."""
    given = [w.revealed for w in (*one.witnesses, *other.witnesses) if isinstance(w, Approval)]
    rows = [row for data in given for row in decode(Approvals, data, 10_000)]
    return Transaction(one.body, (Approval(encode(tuple(rows)), ()),))


def test_votes_of_old_signers_stop_counting_when_the_rules_rise() -> None:
    house = Parliament()
    proposal = house.propose(REGION, by=0, version=1)
    house.vote(proposal, (1,), version=1)
    assert house.ask("getproposal", proposal.number)["yes"] == 4
    house.enact(NEWER, version=2)
    assert house.ask("getproposal", proposal.number)["yes"] == 0
    with pytest.raises(VersionTooOld):
        house.vote(proposal, (2,), version=1)
    assert house.vote(proposal, (2,), version=2).state == OPEN, "1 of 5, not 5 of 5"
    assert house.vote(proposal, (0, 1), version=2).state == EXECUTED, "who renews votes anew"


def test_a_quorum_at_once_counts_only_new_signers_too() -> None:
    house = Parliament()
    house.enact(NEWER, version=2)
    new = house.enact_tx(Lift(), (0, 1), 2)
    with pytest.raises(QuorumMissing):
        house.world.block(together(new, house.enact_tx(Lift(), (3,), 1)))
    house.world.block(together(new, house.enact_tx(Lift(), (3,), 2)))


@pytest.mark.parametrize("version", [2, 2**32 - 1])
def test_nobody_asks_for_signers_that_no_quorum_has(version: int) -> None:
    """Else a slip of a digit would end the federation: no quorum could take it back."""
    house = Parliament()
    wanted = SetRules(msgspec.structs.replace(DEFAULT_RULES, version=version))
    with pytest.raises(SignersBehind):
        house.enact(wanted)
    proposal = house.propose(wanted, by=0, version=version)
    house.vote(proposal, (1,), version=version)
    with pytest.raises(SignersBehind):
        house.vote(proposal, (2,), version=1)
    assert house.vote(proposal, (2,), version=version).state == EXECUTED


def test_an_older_signer_never_comes_back() -> None:
    house = Parliament()
    house.vote(house.propose(REGION, by=4, version=1), (0,), version=3)
    second = house.propose(REGION, by=4, version=1)
    with pytest.raises(VersionDowngraded):
        house.vote(second, (0,), version=2)
    with pytest.raises(VersionDowngraded):
        house.world.block(house.enact_tx(REGION, (0, 1, 2), 2))
    with pytest.raises(VersionDowngraded):
        house.world.block(house.action(statement(house, 2), (0,)))
    assert len(proposal_of(house.state, second.number).ballots) == 1


def test_the_version_is_what_was_signed() -> None:
    """Nobody else can pass an old signer's word off as a new one's."""
    house = Parliament()
    house.enact(NEWER, version=2)
    old = house.enact_tx(Lift(), (0, 1, 2), 1)
    new = house.enact_tx(Lift(), (0, 1, 2), 2)
    with pytest.raises(VersionDowngraded):
        house.world.block(old)
    lifted = with_versions(old, 2)
    with pytest.raises(SignatureWrong):
        house.world.block(lifted)
    house.world.block(new)


def test_a_statement_of_an_old_signer_is_none() -> None:
    house = Parliament()
    house.enact(NEWER, version=2)
    with pytest.raises(SignerOutdated):
        house.world.block(house.action(statement(house, 1), (4,)))
    house.world.block(house.action(statement(house, 2), (4,), version=2))
