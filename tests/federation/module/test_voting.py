"""Proposals and votes: what counts, what is refused, when a decision is made."""

import msgspec
import pytest

from bystack.federation.module import voting
from bystack.federation.module.actions import (
    VOTE,
    CastVote,
    Enact,
    MemberUnknown,
    NonceWrong,
    Propose,
    QuorumMissing,
    action_digest,
)
from bystack.federation.module.decisions import (
    EXECUTED,
    EXPIRED,
    OPEN,
    REJECTED,
    Abandon,
    Add,
    Cause,
    Lift,
    Remove,
    SetRegion,
    SetRules,
    proposal_id,
)
from bystack.federation.module.membership import NoChange
from bystack.federation.module.records import DEFAULT_RULES, MAX_BLOCKS, RulesInvalid, rules_of
from bystack.federation.module.voting import (
    MAX_OPEN_EACH,
    AccusedVotes,
    NumberTaken,
    ProposalClosed,
    ProposalOther,
    ProposalUnknown,
    TooManyProposals,
    VersionDowngraded,
    VersionTooOld,
    VotedAlready,
    VoterOther,
    next_number,
    opened,
    proposal_of,
)
from bystack.primitives.codec import Malformed, encode
from bystack.sidechain.payments import SignatureWrong
from tests.federation.module.parliament import Parliament, alone, identity, newcomer

RULES = msgspec.structs.replace(DEFAULT_RULES, lifetime=30)
REGION = SetRegion(b"where we are")


def region(house: Parliament) -> str:
    return str(house.ask("listmembers")["region"])


def test_the_vote_that_completes_the_threshold_executes() -> None:
    house = Parliament()
    proposal = house.propose(REGION, by=2)
    assert (proposal.state, [one.yes for one in proposal.ballots]) == (OPEN, [1])
    assert house.vote(proposal, (0, 3)).state == OPEN, "4 of 5"
    assert region(house) == ""
    after = house.vote(proposal, (4,))
    assert (after.state, after.closed, region(house)) == (EXECUTED, house.height, "where we are")
    assert house.told("proposal") == [{"number": 0, "kind": "region", "state": "executed"}]
    assert opened(house.state) == ()


def test_members_vote_together_or_one_by_one_once() -> None:
    house = Parliament()
    proposal = house.propose(REGION, by=4)
    house.vote(proposal, (2,), yes=0)
    for again in ((4,), (2,)):
        with pytest.raises(VotedAlready):
            house.vote(proposal, again)
    assert house.vote(proposal, (0, 1)).state == EXECUTED


def test_enough_who_say_no_end_it() -> None:
    house = Parliament()
    proposal = house.propose(REGION, by=4)
    assert house.vote(proposal, (0,), yes=0).state == OPEN
    assert house.vote(proposal, (2,), yes=0).state == REJECTED
    with pytest.raises(ProposalClosed):
        house.vote(proposal, (1,))


def test_a_proposal_expires_by_relayed_height() -> None:
    house = Parliament(rules=RULES)
    proposal = house.propose(REGION, by=4)
    house.world.relay(29)
    late = house.world.copy()
    assert house.vote(proposal, (0, 1)).state == EXECUTED
    house.world = late
    house.world.relay(1)
    with pytest.raises(ProposalClosed):
        house.vote(proposal, (0, 1))
    house.world.idle()
    assert proposal_of(house.state, 0).state == EXPIRED
    assert house.told("proposal") == [{"number": 0, "kind": "region", "state": "expired"}]
    with pytest.raises(ProposalClosed):
        house.vote(proposal, (0, 1))


def test_a_vote_names_the_decision_it_is_for() -> None:
    house = Parliament()
    proposal = house.propose(REGION, by=4)
    other = CastVote(0, proposal_id(0, SetRegion(b"elsewhere")), 1, identity(0))
    with pytest.raises(ProposalOther):
        house.world.block(house.action(other, (0, 1)))
    with pytest.raises(ProposalUnknown):
        house.world.block(house.action(CastVote(1, proposal.id, 1, identity(0)), (0,)))
    with pytest.raises(Malformed):
        house.world.block(house.action(CastVote(0, proposal.id, 2, identity(0)), (0,)))


def test_votes_of_two_members_are_two_transactions() -> None:
    house = Parliament()
    proposal = house.propose(REGION, by=4)
    one, two = house.vote_tx(proposal, (0,)), house.vote_tx(proposal, (1,))
    assert one.id != two.id, "a pool keeps one transaction of an id"
    house.world.block(one, two)
    assert region(house) == "where we are"
    second = house.propose(REGION, by=4)
    with pytest.raises(VoterOther):
        house.world.block(house.action(CastVote(1, second.id, 1, identity(1)), (0,)))


def test_what_was_signed_serves_once_here_and_nowhere_else() -> None:
    house = Parliament()
    first = house.action(Propose(0, REGION, b""), (4,))
    house.world.block(first)
    with pytest.raises(NumberTaken):
        house.world.block(first)
    vote = CastVote(0, proposal_id(0, REGION), 1, identity(0))
    with pytest.raises(SignatureWrong):
        house.world.block(house.action(vote, (0,), chain=b"\x01" * 32))
    cast = house.action(vote, (0,))
    no = alone(VOTE, encode(CastVote(0, vote.proposal, 0, identity(0))), cast.witnesses[0])  # type: ignore[arg-type]
    with pytest.raises(SignatureWrong):
        house.world.block(no)
    house.world.block(cast)
    with pytest.raises(VotedAlready):
        house.world.block(cast)
    decided = house.enact_tx(Lift())
    house.world.block(decided)
    with pytest.raises(NonceWrong):
        house.world.block(decided)
    assert action_digest(b"c" * 32, 6, b"") != action_digest(b"c" * 32, 6, b"", version=2)


def test_two_proposals_at_once_are_two() -> None:
    house = Parliament()
    one = house.action(Propose(0, REGION, b""), (2,))
    two = house.action(Propose(0, SetRegion(b"there"), b""), (3,))
    built = house.world.side.build([one, two], house.world.now)
    assert [type(error) for _, error in built.refused] == [NumberTaken]
    house.world.block(one)
    second = house.propose(SetRegion(b"there"), by=3)
    assert second.number == 1
    house.vote(proposal_of(house.state, 0), (0, 1))
    assert region(house) == "where we are"
    assert house.vote(second, (0, 1)).state == EXECUTED
    assert region(house) == "there"


def test_a_member_fills_no_list() -> None:
    house = Parliament()
    for _ in range(MAX_OPEN_EACH):
        house.propose(REGION, by=4)
    with pytest.raises(TooManyProposals):
        house.propose(REGION, by=4)
    assert house.propose(REGION, by=3).number == MAX_OPEN_EACH


def test_members_together_fill_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voting, "MAX_OPEN", 3)
    house = Parliament()
    for member in range(3):
        house.propose(REGION, by=member)
    with pytest.raises(TooManyProposals):
        house.propose(REGION, by=3)
    house.enact(REGION)


def test_what_cannot_be_done_is_not_decided() -> None:
    house = Parliament()
    proposal = house.propose(Abandon(), by=0)
    house.vote(proposal, (1,))
    with pytest.raises(NoChange):
        house.vote(proposal, (2,))
    stands = proposal_of(house.state, 0)
    assert (stands.state, len(stands.ballots)) == (OPEN, 2), "the last vote was not taken"


def test_votes_of_the_departed_count_no_more() -> None:
    house = Parliament()
    proposal = house.propose(REGION, by=4)
    house.enact(Remove(identity(4), 4, 0), (0, 1, 2))
    house.certify()
    assert house.ask("listmembers")["threshold"] == 4
    row = house.ask("getproposal", 0)
    assert (row["yes"], row["needed"]) == (0, 4)
    assert house.vote(proposal, (0, 2)).state == OPEN, "3 of 4: the fourth has left"
    with pytest.raises(MemberUnknown):
        house.world.block(house.action(CastVote(0, proposal.id, 0, identity(4)), (4,)))
    assert house.vote(proposal, (3,)).state == EXECUTED


def test_only_a_quorum_enacts() -> None:
    house = Parliament()
    for few in ((0, 1), (2, 3, 4), (0, 2, 3)):
        with pytest.raises(QuorumMissing):
            house.world.block(house.enact_tx(REGION, few))
    assert next_number(house.state) == 0
    house.enact(REGION, (0, 1, 4))
    made = proposal_of(house.state, 0)
    assert (made.state, made.proposer, len(made.ballots)) == (EXECUTED, identity(0), 3)


def test_the_accused_neither_votes_nor_counts() -> None:
    house = Parliament()
    cause = Cause(identity(0), 4, 1, b"was bought", ())
    proposal = house.propose(cause, by=1)
    with pytest.raises(AccusedVotes):
        house.vote(proposal, (0,))
    with pytest.raises(AccusedVotes):
        house.propose(cause, by=0)
    with pytest.raises(AccusedVotes):
        house.world.block(house.enact_tx(cause, (0, 1, 2)))
    assert house.vote(proposal, (2,), yes=0).state == REJECTED, "4 of the other 5 are too few"


def test_old_signers_do_not_count_and_do_not_come_back() -> None:
    house = Parliament()
    proposal = house.propose(REGION, by=4, version=1)
    house.enact(SetRules(msgspec.structs.replace(DEFAULT_RULES, version=2)), version=2)
    assert rules_of(house.state).version == 2
    assert house.ask("getproposal", 0)["yes"] == 0
    with pytest.raises(VersionTooOld):
        house.vote(proposal, (0,), version=1)
    with pytest.raises(VersionDowngraded):
        house.world.block(house.enact_tx(Lift(), (0, 1, 2), version=1))
    house.vote(proposal, (4,), version=2)
    assert house.vote(proposal, (0, 1), version=3).state == EXECUTED
    second = house.propose(REGION, by=4, version=2)
    with pytest.raises(VersionDowngraded):
        house.vote(second, (0,), version=2)


@pytest.mark.parametrize(
    "fields",
    [
        {"lifetime": 0},
        {"version": 0},
        {"share": 0},
        {"rest": 1439},
        {"change": MAX_BLOCKS + 1},
    ],
)
def test_rules_that_would_end_governance_are_refused(fields: dict[str, int]) -> None:
    house = Parliament()
    with pytest.raises(RulesInvalid):
        house.enact(SetRules(msgspec.structs.replace(DEFAULT_RULES, **fields)))


def test_a_decision_of_the_wrong_shape_is_none() -> None:
    house = Parliament()
    seat, key = newcomer(5).seat, newcomer(5).governance
    name = b"x" * 33
    add = Add(name, seat.identity, seat.node, 1, seat.recipient, key, 5, 0)
    with pytest.raises(Malformed):
        house.enact(add)
    with pytest.raises(Malformed):
        house.world.block(house.action(Enact(0, Cause(b"", 4, 0, b"", ())), (0, 1, 2)))
