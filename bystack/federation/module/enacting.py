"""Carrying decisions out: one `execute` for what was voted and for what a quorum enacts at once."""

from __future__ import annotations

from bystack.federation.module import allowances, freezes, membership, pauses, terms
from bystack.federation.module.decisions import (
    Abandon,
    Add,
    Cause,
    Decision,
    Freeze,
    Halt,
    Lift,
    NewKey,
    Proposal,
    Refresh,
    Refund,
    Remove,
    ReturnDeposits,
    Reweigh,
    SetAllowances,
    SetParameters,
    SetPegs,
    SetRegion,
    SetRules,
    SetTerms,
    Unfreeze,
)
from bystack.federation.module.evidence import prove
from bystack.federation.module.records import RULES, Rules, check_rules, put_entry, standing_of
from bystack.federation.module.voting import weight_by_version
from bystack.ledger.effects import Effects
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import BlockContext, Outcome, PrefixedState

MAX_HALT = 8064
"""Blocks a quorum's pause lasts at most; it may decide another."""

NOTHING = Outcome()


class HaltTooLong(Invalid):
    """A pause by decision lasts between 1 and 8064 blocks."""


class SignersBehind(Invalid):
    """Too few members have signed with a signer as new as this: nobody could decide anything."""


class RegionIllegible(Invalid):
    """The regional rules are not text in UTF-8."""


def admit(state: PrefixedState, block: BlockContext, decision: Decision) -> Outcome:
    """What can be judged of a decision before it is voted on: its evidence; raises `prove`'s."""
    if isinstance(decision, Cause):
        return Outcome(Effects(checks=prove(state, block, decision)))
    return NOTHING


def execute(state: PrefixedState, block: BlockContext, proposal: Proposal) -> Outcome:
    """Carry a decision out: in the module's state, and by what the outcome asks of the chain.

    Raises the rule that refuses it; then it is not decided.
    """
    match proposal.decision:
        case SetParameters(parameters):
            return Outcome(parameters=(parameters,))
        case SetPegs(numbers):
            return Outcome(pegs=(numbers,))
        case Refund(ids):
            return Outcome(refunds=ids)
        case ReturnDeposits(returns):
            return Outcome(returns=returns)
        case Lift():
            pauses.resume(state)
            return Outcome(resume=True)
        case Add() | Remove() | Reweigh() | Refresh() | NewKey() | Cause() as reshaping:
            return _reshape(state, block, proposal.number, reshaping)
        case decision:
            _keep(state, block, proposal.number, decision)
            return NOTHING


Kept = Freeze | Unfreeze | SetTerms | SetAllowances | SetRules | Halt | Abandon | SetRegion


def _keep(state: PrefixedState, block: BlockContext, number: int, decision: Kept) -> None:
    """What changes the module's own state alone."""
    height = block.relay_height
    match decision:
        case Freeze():
            freezes.freeze(state, number, decision, height)
        case Unfreeze(destination, _):
            freezes.unfreeze(state, destination)
        case SetTerms():
            terms.decide_terms(state, block, number, decision)
        case SetAllowances():
            allowances.allow(state, decision)
        case SetRules(rules):
            _set_rules(state, rules)
        case Halt(what, blocks, _):
            _halt(state, what, blocks, height)
        case Abandon():
            membership.abandon(state)
        case SetRegion(text):
            _set_region(state, text)


def _reshape(
    state: PrefixedState, block: BlockContext, number: int, decision: membership.Reshaping
) -> Outcome:
    outcome = admit(state, block, decision)
    membership.check_calm(state, block, decision)
    membership.start_change(state, number, decision, block.relay_height)
    return outcome


def _halt(state: PrefixedState, what: int, blocks: int, height: int) -> None:
    if not 1 <= blocks <= MAX_HALT:
        raise HaltTooLong(blocks=blocks, most=MAX_HALT)
    pauses.hold(state, what, height + blocks)


def _set_rules(state: PrefixedState, rules: Rules) -> None:
    """Only a quorum that has newer signers asks for them: else no quorum could undo it."""
    check_rules(rules)
    able, threshold = weight_by_version(state, rules.version), standing_of(state).threshold
    if able < threshold:
        raise SignersBehind(version=rules.version, weight=able, threshold=threshold)
    put_entry(state, rules, RULES)


def _set_region(state: PrefixedState, text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise RegionIllegible(length=len(text)) from None
    state.put(text or None, b"region")
