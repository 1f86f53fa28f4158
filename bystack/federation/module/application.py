"""The module named `federation`: members act, the pegs ask whether they may.

It may refuse claims, burns and batches, and asks the chain for what members decide: refunds,
returns, numbers; it never mints (federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bystack.federation.certificates import check_polynomial
from bystack.federation.module import (
    allowances,
    enacting,
    membership,
    pauses,
    queries,
    shares,
    voting,
)
from bystack.federation.module import terms as chosen_terms
from bystack.federation.module.actions import (
    CERTIFY,
    KINDS,
    CastVote,
    Pause,
    Propose,
    QuorumAction,
    Signers,
    decided_by,
    decode_action,
    decode_certify,
    signers_of,
    use_nonce,
)
from bystack.federation.module.decisions import EXECUTED, REJECTED, STATES, Proposal
from bystack.federation.module.freezes import refuse_frozen
from bystack.federation.module.records import (
    KEY,
    MAX_ENTRY,
    NAME,
    RULES,
    STANDING,
    FederationConfig,
    FederationInvalid,
    KeyEpoch,
    check_rules,
    check_standing,
    put_entry,
    rules_of,
    standing_of,
)
from bystack.federation.statements import Statement, take_statement
from bystack.ledger.effects import Check, Effects
from bystack.ledger.transactions import NoWitness
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import (
    ActionContext,
    BlockContext,
    Ending,
    Event,
    Outcome,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.peg_events import AnchorProved


class ApprovalUnasked(Invalid):
    """A certificate is shown by anybody: nobody's approval goes with it."""


class FederationModule(Quiet):
    """Members, keys, pauses, governance; the module named `federation`."""

    name = NAME
    # Members' actions are rare and approved, and a federation in trouble may have no coins.
    free = frozenset((*KINDS, CERTIFY))
    queries: tuple[str, ...] = tuple(queries.QUERIES)

    def start(self, state: PrefixedState, config: bytes) -> None:
        """Keep the genesis as the module's state; raises `FederationInvalid`."""
        first = decode(FederationConfig, config, MAX_ENTRY)
        _check_config(first)
        put_entry(state, first.standing, STANDING)
        put_entry(state, first.key, KEY)
        put_entry(state, first.rules, RULES)
        state.put(first.main, b"main")

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """A member's pause, statement, proposal or vote, a quorum's decision, or a certificate."""
        if kind == CERTIFY:
            return _certify(state, context)
        signers = signers_of(standing_of(state), context, kind)
        action, block = decode_action(kind, context.action.body), context.block
        match action:
            case Pause():
                outcome = _pause(state, block, signers, action)
            case Statement():
                outcome = _state(state, block, signers, action)
            case Propose():
                outcome = _propose(state, block, signers, action)
            case CastVote():
                outcome = _vote(state, block, signers, action)
            case _:
                outcome = _enact(state, block, signers, action)
        return _with_checks(outcome, signers.checks)

    def may_claim(self, state: PrefixedState, block: BlockContext, asset: bytes) -> None:
        """Refused while claims are paused."""
        pauses.refuse_paused(state, "claims", block.relay_height)

    def may_burn(
        self, state: PrefixedState, block: BlockContext, destination: bytes, asset: bytes
    ) -> None:
        """Refused while burns are paused, and to a frozen destination."""
        pauses.refuse_paused(state, "burns", block.relay_height)
        refuse_frozen(state, destination)

    def may_batch(self, state: PrefixedState, block: BlockContext) -> bool:
        """False while batches are paused."""
        return not pauses.paused(state, pauses.BATCHES, block.relay_height)

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        """What is over ends; members' work is counted and, at an epoch's end, paid."""
        events = [_told(one) for one in voting.expire(state, block.relay_height)]
        events += _follow_change(state, block)
        membership.follow_vault(state, block.pegs)
        shares.count_pegs(state, block)
        if not block.turns:
            return Ending(events=tuple(events))
        allowances.turn(state)
        payments = shares.share(state, block)
        return Ending(events=tuple(events), shares=payments)

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """One of `queries`."""
        return queries.answer(state, name, params)


def _check_config(config: FederationConfig) -> None:
    """The first key is that of the first standing; raises `FederationInvalid`."""
    try:
        check_standing(config.standing)
        check_polynomial(config.key.polynomial, config.standing.threshold)
        check_rules(config.rules)
    except Invalid as error:
        raise FederationInvalid(reason=f"{error.rule}: {error}") from None
    if config.key.roster != config.standing.roster:
        raise FederationInvalid(reason="the first key is of other members than those who sit")
    if config.key.key != config.key.polynomial[0]:
        raise FederationInvalid(reason="the first key is not its polynomial's constant")


def _with_checks(outcome: Outcome, checks: tuple[Check, ...]) -> Outcome:
    return replace(outcome, effects=Effects(checks=checks + outcome.effects.checks))


def _pause(state: PrefixedState, block: BlockContext, signers: Signers, pause: Pause) -> Outcome:
    use_nonce(state, pause.nonce)
    member = standing_of(state).seats[signers.seats[0]].member
    pauses.pause(state, rules_of(state), member.identity, pause, block.relay_height)
    facts = {"member": member.name.decode(), "what": pause.what, "reason": pause.reason}
    return Outcome(events=(Event("paused", facts),))


def _state(
    state: PrefixedState, block: BlockContext, signers: Signers, statement: Statement
) -> Outcome:
    one, rules = standing_of(state).seats[signers.seats[0]], rules_of(state)
    least, interval = rules.version, rules.statement
    voting.note_version(state, one.member.identity, statement.version)
    take_statement(state, block, one.governance, statement, interval, least)
    shares.count(state, one.member.identity, "statements")
    return Outcome()


def _propose(
    state: PrefixedState, block: BlockContext, signers: Signers, action: Propose
) -> Outcome:
    identity = standing_of(state).seats[signers.seats[0]].member.identity
    outcome, height = enacting.admit(state, block, action.decision), block.relay_height
    made = voting.begin(state, action.number, identity, action.decision, action.note, height)
    opened = replace(outcome, events=(_told(made),))
    return _count(state, block, made, _votes(signers, 1), opened)


def _vote(state: PrefixedState, block: BlockContext, signers: Signers, action: CastVote) -> Outcome:
    proposal = voting.proposal_of(state, action.number)
    if proposal.id != action.proposal:
        raise voting.ProposalOther(number=action.number, id=proposal.id)
    if standing_of(state).seats[signers.seats[0]].member.identity != action.voter:
        raise voting.VoterOther(voter=action.voter)
    return _count(state, block, proposal, _votes(signers, action.yes), Outcome())


def _count(
    state: PrefixedState,
    block: BlockContext,
    proposal: Proposal,
    votes: Sequence[voting.Vote],
    before: Outcome,
) -> Outcome:
    """Count votes and settle the proposal if they do; `before`: what was done already."""
    after = voting.vote(state, proposal, votes, block.relay_height)
    if voting.carried(state, after):
        return _carry_out(state, block, after, before)
    if voting.out_of_reach(state, after):
        closed = voting.close(state, after, REJECTED, block.relay_height)
        shares.count_proposal(state, closed)
        return replace(before, events=(*before.events, _told(closed)))
    return before


def _enact(
    state: PrefixedState, block: BlockContext, signers: Signers, action: QuorumAction
) -> Outcome:
    use_nonce(state, action.nonce)
    decision, votes = decided_by(action), _votes(signers, 1)
    made = voting.enter(state, decision, votes, block.relay_height)
    return _carry_out(state, block, made, Outcome())


def _carry_out(
    state: PrefixedState, block: BlockContext, proposal: Proposal, before: Outcome
) -> Outcome:
    closed = voting.close(state, proposal, EXECUTED, block.relay_height)
    shares.count_proposal(state, closed)
    outcome = enacting.execute(state, block, closed)
    events = (*before.events, *outcome.events, _told(closed))
    return replace(outcome, events=events)


def _certify(state: PrefixedState, context: ActionContext) -> Outcome:
    if context.witness != NoWitness():
        raise ApprovalUnasked(position=context.position)
    certificate = decode_certify(context.action.body)
    made = membership.certify(state, certificate, context.block.relay_height)
    return Outcome(events=(_told_key("certified", made),))


def _follow_change(state: PrefixedState, block: BlockContext) -> Iterator[Event]:
    height = block.relay_height
    over = membership.expire_change(state, height)
    if over is not None:
        yield Event("changeexpired", {"number": over.number, "epoch": over.epoch})
    if not any(isinstance(one, AnchorProved) for one in block.pegs):
        return
    made = membership.adopted(state, block.terms, height)
    if made is not None:
        yield _told_key("adopted", made)
    chosen_terms.follow_terms(state, block.terms)


def _votes(signers: Signers, yes: int) -> list[voting.Vote]:
    pairs = zip(signers.seats, signers.versions, strict=True)
    return [voting.Vote(seat, yes, version) for seat, version in pairs]


def _told(proposal: Proposal) -> Event:
    number, state = proposal.number, STATES[proposal.state]
    return Event("proposal", {"number": number, "kind": proposal.kind, "state": state})


def _told_key(name: str, key: KeyEpoch) -> Event:
    return Event(name, {"epoch": key.epoch, "key": key.key})
