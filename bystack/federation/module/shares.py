"""Peg fees shared among members: weight times points for work that the chain itself saw.

Counted, since the last sharing: statements taken in time; headers that joined the relay's chain,
less those that left, and batches settled, each by transactions whose memo names the member's
recipient; proposals it made that were executed; votes on proposals that were executed or rejected.
Shared is what neither a refund nor a sponsor can ask for any more, in whole units, by
largest remainder (federation.md, section 5). Backing never pays: `custody` holds the module to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from bystack.federation.module.decisions import EXECUTED, REJECTED, Proposal
from bystack.federation.module.records import (
    Standing,
    get_entry,
    put_entry,
    rules_of,
    standing_of,
)
from bystack.federation.module.records import Work as Points
from bystack.primitives.codec import U63, Bytes32, Wire
from bystack.sidechain.modules.base import BlockContext, Payment, PrefixedState
from bystack.sidechain.modules.stake.sharing import shares
from bystack.sidechain.peg_events import AnchorProved, HeadersRelayed, PegEvent

DONE: Final = b"done"
EARNED: Final = b"earned"
MAX_ASSETS: Final = 256


class Done(Wire):
    """What a member did since fees were shared last, in numbers of each."""

    statements: U63
    headers: U63
    settlements: U63
    proposals: U63
    votes: U63


class Earned(Wire):
    """What a member was paid of an asset: when fees were shared last, and ever."""

    asset: Bytes32
    last: U63
    total: U63


class Earnings(Wire):
    """A member's payments, ascending by asset."""

    rows: Annotated[tuple[Earned, ...], Meta(max_length=MAX_ASSETS)]


NOTHING: Final = Done(0, 0, 0, 0, 0)


def done_of(state: PrefixedState, identity: bytes) -> Done:
    """What a member did since the last sharing."""
    return get_entry(state, Done, DONE, identity) or NOTHING


def earned_of(state: PrefixedState, identity: bytes) -> tuple[Earned, ...]:
    """What a member was paid."""
    found = get_entry(state, Earnings, EARNED, identity)
    return () if found is None else found.rows


def count(state: PrefixedState, identity: bytes, field: str, by: int = 1) -> None:
    """Count a member's work."""
    done = done_of(state, identity)
    counted = msgspec.structs.replace(done, **{field: getattr(done, field) + by})
    put_entry(state, counted, DONE, identity)


def count_pegs(state: PrefixedState, block: BlockContext) -> None:
    """Count what the block's peg events show: headers relayed, batches settled."""
    worked = [found for found in map(_work, block.pegs) if found is not None]
    if not worked:
        return
    seats = standing_of(state).seats
    for root, field, number in worked:
        for one in seats:
            if one.member.recipient == root:
                count(state, one.member.identity, field, number)


def _work(event: PegEvent) -> tuple[bytes, str, int] | None:
    """Whose work an event shows, by recipient: of which kind, how much."""
    match event:
        case HeadersRelayed(_, _, joined, left, carrier) if carrier and joined > left:
            return carrier, "headers", joined - left
        case AnchorProved(_, _, True, sponsor) if sponsor:
            return sponsor, "settlements", 1
        case _:
            return None


def count_proposal(state: PrefixedState, proposal: Proposal) -> None:
    """Count the work on a proposal that was executed or rejected."""
    if proposal.state not in (EXECUTED, REJECTED):
        return
    if proposal.state == EXECUTED:
        count(state, proposal.proposer, "proposals")
    for ballot in proposal.ballots:
        count(state, ballot.identity, "votes")


def points_of(done: Done, work: Points) -> int:
    """The points of what was done."""
    return (
        done.statements * work.statement
        + done.headers * work.header
        + done.settlements * work.settlement
        + done.proposals * work.proposal
        + done.votes * work.vote
    )


def divide(
    spare: Mapping[bytes, int], units: Mapping[bytes, int], weights: Sequence[int]
) -> tuple[dict[bytes, int], ...]:
    """Of each asset each one's share, in whole units; sums never exceed what is spare."""
    divided: tuple[dict[bytes, int], ...] = tuple({} for _ in weights)
    for asset, amount in sorted(spare.items()):
        unit = units.get(asset, 1)
        for own, share in zip(divided, shares(amount // unit, weights), strict=True):
            if share:
                own[asset] = share * unit
    return divided


def share(state: PrefixedState, block: BlockContext) -> tuple[Payment, ...]:
    """At an epoch's end: pay everyone for the work since the last time, and begin to count anew."""
    rules = rules_of(state)
    if not block.turns or (block.epoch + 1) % rules.share:
        return ()
    standing = standing_of(state)
    weights = _weights(state, standing, rules.work)
    payments: list[Payment] = []
    divided = divide(block.spare, block.units, weights)
    for one, amounts in zip(standing.seats, divided, strict=True):
        _enter(state, one.member.identity, amounts)
        payments += [Payment(asset, n, one.member.recipient) for asset, n in amounts.items()]
    return tuple(payments)


def _weights(state: PrefixedState, standing: Standing, work: Points) -> list[int]:
    """Weight times points of each seat; what was done is counted anew from now on."""
    weights = []
    for one in standing.seats:
        done = done_of(state, one.member.identity)
        weights.append(one.member.weight * points_of(done, work))
        if done != NOTHING:
            put_entry(state, None, DONE, one.member.identity)
    return weights


def _enter(state: PrefixedState, identity: bytes, amounts: Mapping[bytes, int]) -> None:
    before = {one.asset: one for one in earned_of(state, identity)}
    if not amounts and not any(one.last for one in before.values()):
        return
    rows = []
    for asset in sorted({*before, *amounts}):
        total = before[asset].total if asset in before else 0
        rows.append(Earned(asset, amounts.get(asset, 0), total + amounts.get(asset, 0)))
    put_entry(state, Earnings(tuple(rows)), EARNED, identity)
