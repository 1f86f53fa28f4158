"""Proposals and votes: who may vote, what counts, when a decision is made.

One sequence numbers every decision, voted or enacted by a quorum at once. Votes are kept by
identity and weighed by who sits when they are counted, so those of departed members are worth
nothing. A vote that completes the threshold executes the decision in its own transaction; what then
refuses the decision refuses that vote. Otherwise a proposal is rejected when its threshold is out
of reach, or expires by relayed height.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from bystack.federation.module.actions import QuorumMissing
from bystack.federation.module.decisions import (
    EXPIRED,
    OPEN,
    Ballot,
    Cause,
    Decision,
    Proposal,
)
from bystack.federation.module.records import (
    Standing,
    get_entry,
    number_at,
    put_entry,
    put_number,
    rules_of,
    standing_of,
)
from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import PrefixedState

MAX_OPEN: Final = 64
MAX_OPEN_EACH: Final = 4

PROPOSAL: Final = b"proposal"
_OPEN: Final = b"proposals/open"
_COUNT: Final = b"proposals"
_VERSION: Final = b"version"


class ProposalUnknown(Invalid):
    """There is no proposal of this number."""


class ProposalClosed(Invalid):
    """The proposal was executed, rejected, or has expired."""


class ProposalOther(Invalid):
    """The proposal of this number is another one than the vote names."""


class VoterOther(Invalid):
    """The first who signs the vote is another member than the one it names."""


class NumberTaken(Invalid):
    """The proposal does not carry the next number: another came first."""


class TooManyProposals(Invalid):
    """Too many proposals are open, of all members or of this one."""


class VotedAlready(Invalid):
    """The member has voted on this proposal."""


class AccusedVotes(Invalid):
    """A member does not vote on its own removal for cause."""


class VersionDowngraded(Invalid):
    """The member has signed with a newer signer before: an older one does not come back."""


class VersionTooOld(Invalid):
    """The signer is older than the federation's rules allow: its vote does not count."""


class Opened(Wire):
    """An open proposal, for the list of them."""

    number: U63
    proposer: Bytes32
    expires: U63


class Vote(NamedTuple):
    """A member's word and the version of its signer."""

    seat: int
    yes: int
    version: int


def next_number(state: PrefixedState) -> int:
    """The number of the next proposal or quorum's decision."""
    return number_at(state, _COUNT)


def opened(state: PrefixedState) -> tuple[Opened, ...]:
    """The open proposals in order of their numbers."""
    data = state.get(_OPEN)
    return () if data is None else decode(tuple[Opened, ...], data, 10_000)


def proposal_of(state: PrefixedState, number: int) -> Proposal:
    """The proposal of a number, open or not; raises `ProposalUnknown`."""
    found = get_entry(state, Proposal, PROPOSAL, number)
    if found is None:
        raise ProposalUnknown(number=number)
    return found


def note_version(state: PrefixedState, identity: bytes, version: int) -> None:
    """A member's signer never goes back to an older version; raises `VersionDowngraded`."""
    seen = number_at(state, _VERSION, identity)
    if version < seen:
        raise VersionDowngraded(version=version, seen=seen)
    if version > seen:
        put_number(state, version, _VERSION, identity)


def begin(
    state: PrefixedState, number: int, identity: bytes, decision: Decision, note: bytes, height: int
) -> Proposal:
    """Open a proposal; raises `NumberTaken`, `TooManyProposals`."""
    if number != next_number(state):
        raise NumberTaken(given=number, expected=next_number(state))
    standing = opened(state)
    own = sum(one.proposer == identity for one in standing)
    if len(standing) >= MAX_OPEN or own >= MAX_OPEN_EACH:
        raise TooManyProposals(open=len(standing), own=own, most=MAX_OPEN, most_own=MAX_OPEN_EACH)
    made = _record(state, identity, decision, note, height)
    _put_open(state, (*standing, Opened(number, identity, made.expires)))
    return made


def enter(state: PrefixedState, decision: Decision, votes: Sequence[Vote], height: int) -> Proposal:
    """A quorum's decision, signed in one action, under the next number; raises `QuorumMissing`."""
    standing = standing_of(state)
    proposer = standing.seats[votes[0].seat].member.identity
    made = _voted(state, _record(state, proposer, decision, b"", height), votes, height)
    weight, needed = weight_of(state, made), needed_weight(standing, decision)
    if weight < needed:
        raise QuorumMissing(weight=weight, threshold=needed)
    return made


def _record(
    state: PrefixedState, identity: bytes, decision: Decision, note: bytes, height: int
) -> Proposal:
    number = next_number(state)
    put_number(state, number + 1, _COUNT)
    expires = height + rules_of(state).lifetime
    made = Proposal(number, identity, decision, note, height, expires, OPEN, 0, ())
    put_entry(state, made, PROPOSAL, number)
    return made


def vote(state: PrefixedState, proposal: Proposal, votes: Sequence[Vote], height: int) -> Proposal:
    """Count votes; the proposal after them: the caller executes it if `carried`.

    Raises `ProposalClosed`, `VotedAlready`, `AccusedVotes`, `VersionTooOld`, `VersionDowngraded`.
    """
    if proposal.state != OPEN or height >= proposal.expires:
        raise ProposalClosed(number=proposal.number, expires=proposal.expires)
    least = rules_of(state).version
    for one in votes:
        if one.version < least:
            raise VersionTooOld(version=one.version, least=least)
    return _voted(state, proposal, votes, height)


def _voted(
    state: PrefixedState, proposal: Proposal, votes: Sequence[Vote], height: int
) -> Proposal:
    standing, least = standing_of(state), rules_of(state).version
    ballots = {one.identity: one for one in proposal.ballots}
    for one in votes:
        identity = standing.seats[one.seat].member.identity
        if isinstance(proposal.decision, Cause) and proposal.decision.identity == identity:
            raise AccusedVotes(member=identity)
        if identity in ballots and ballots[identity].version >= least:
            raise VotedAlready(member=identity, number=proposal.number)
        note_version(state, identity, one.version)
        ballots[identity] = Ballot(identity, one.yes, one.version)
    after = msgspec.structs.replace(proposal, ballots=tuple(ballots.values()))
    put_entry(state, after, PROPOSAL, after.number)
    return after


def needed_weight(standing: Standing, decision: Decision) -> int:
    """The weight that makes a decision: the threshold; for a proven cause, most of the others."""
    if not isinstance(decision, Cause) or not decision.evidence:
        return standing.threshold
    position = standing.position(decision.identity)
    accused = 0 if position is None else standing.seats[position].member.weight
    return (standing.total - accused) // 2 + 1


def carried(state: PrefixedState, proposal: Proposal) -> bool:
    """Whether those who sit now have decided it."""
    return weight_of(state, proposal) >= needed_weight(standing_of(state), proposal.decision)


def weight_of(state: PrefixedState, proposal: Proposal, yes: int = 1) -> int:
    """The weight of the ballots that count: of members who sit, by signers that are new enough."""
    standing, least, weight = standing_of(state), rules_of(state).version, 0
    for one in proposal.ballots:
        position = standing.position(one.identity)
        if position is not None and one.yes == yes and one.version >= least:
            weight += standing.seats[position].member.weight
    return weight


def weight_by_version(state: PrefixedState, least: int) -> int:
    """The weight of the members who have signed something with a signer of this version."""
    seats = standing_of(state).seats
    able = (one.member for one in seats if number_at(state, _VERSION, one.member.identity) >= least)
    return sum(member.weight for member in able)


def out_of_reach(state: PrefixedState, proposal: Proposal) -> bool:
    """Whether so much weight said no that the rest cannot carry it any more."""
    standing = standing_of(state)
    able = standing.total - weight_of(state, proposal, yes=0)
    if isinstance(proposal.decision, Cause):
        position = standing.position(proposal.decision.identity)
        able -= 0 if position is None else standing.seats[position].member.weight
    return able < needed_weight(standing, proposal.decision)


def close(state: PrefixedState, proposal: Proposal, outcome: int, height: int) -> Proposal:
    """The proposal is executed, rejected or has expired, and leaves the list of open ones."""
    left = tuple(one for one in opened(state) if one.number != proposal.number)
    if len(left) != len(opened(state)):
        _put_open(state, left)
    after = msgspec.structs.replace(proposal, state=outcome, closed=height)
    put_entry(state, after, PROPOSAL, after.number)
    return after


def expire(state: PrefixedState, height: int) -> tuple[Proposal, ...]:
    """Close every proposal whose time is over."""
    due = [one.number for one in opened(state) if height >= one.expires]
    return tuple(close(state, proposal_of(state, number), EXPIRED, height) for number in due)


def _put_open(state: PrefixedState, listed: tuple[Opened, ...]) -> None:
    state.put(encode(listed) if listed else None, _OPEN)
