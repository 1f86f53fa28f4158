"""Deposits that nobody can claim: proved by whoever lost one, paid back when a quorum says to whom.

A deposit of an asset the sidechain does not take, below the minimum or not in whole units, or whose
note names no sidechain of this vault, mints nothing. Its owner proves it (for a fee, since anybody
can make such deposits); a module whose quorum decides then names who is paid. From there on it is a
deposit that was claimed and burned at once: it is in the state for ever, is owed, waits in its
tier's queue, and a reorganisation that removes it is a deficit until it is mined again.
"""

from __future__ import annotations

from bystack.ledger.transactions import DepositLock, Outpoint, Output, decode_transaction
from bystack.primitives.codec import U32, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain import claims, queue
from bystack.sidechain.burns import check_destination
from bystack.sidechain.inclusion import Inclusion, verify_included
from bystack.sidechain.mirror import terms_in_force
from bystack.sidechain.peg_events import ReturnAsked
from bystack.sidechain.peg_numbers import in_force
from bystack.sidechain.records import (
    Claimed,
    PegoutState,
    Request,
    Return,
    Stray,
    claimed_key,
    record_leaf,
    return_id,
    stray_key,
)
from bystack.sidechain.relay import RelayView
from bystack.sidechain.requests import new_number, open_request
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState
from bystack.sidechain.sums import move
from bystack.sidechain.tiering import tier_for

NOBODY = bytes(32)


class DepositClaimable(Invalid):
    """Somebody can claim this deposit, or it is a donation: it is not to be paid back."""


class StrayKnown(Invalid):
    """This stray deposit was proved before."""


class StrayUnknown(Invalid):
    """No stray deposit was proved at this place, or it is being paid back already."""


class ProveStray(Wire):
    """Prove that output `index` of a main-chain transaction is a deposit nobody can claim."""

    inclusion: Inclusion
    index: U32


def stray_at(state: SystemState, place: Outpoint) -> Stray | None:
    """The stray deposit proved at a place and not paid back."""
    return state.read(Stray, stray_key(place))


def prove_stray(stage: Stage, action: ProveStray) -> None:
    """Keep a proved stray deposit, as deep as any asset asks.

    Raises what its proof raises, `OutputMissing`, `NotADeposit`, `DepositClaimable`, `StrayKnown`,
    `AlreadyClaimed`.
    """
    view, meant = RelayView(stage.state), decode_transaction(action.inclusion.proof.transaction)
    depth = claims.ripe(stage, meant, stage.genesis.depth)
    included = verify_included(view, action.inclusion, depth)
    output = claims.deposit_of(stage, included.transaction, action.index)
    place = Outpoint(included.transaction.id, action.index)
    _check_stray(stage, place, output)
    claims.check_new(stage, place)
    if stray_at(stage.state, place) is not None:
        raise StrayKnown(outpoint=place)
    header = included.header.id
    stage.state.write(stray_key(place), Stray(header, output.asset, output.amount))
    claims.index(stage.state, header, place)
    stage.tell("stray", outpoint=place, asset=output.asset, amount=output.amount)


def _check_stray(stage: Stage, place: Outpoint, output: Output) -> None:
    assert isinstance(output.lock, DepositLock)
    taken = output.asset in stage.genesis.by_asset
    donated = taken and output.lock.note == claims.note_for(stage.genesis.id, claims.DONATION)
    if donated or claims.claimable(stage.genesis, in_force(stage.state), output):
        raise DepositClaimable(outpoint=place)


def pay_back(stage: Stage, chosen: Return) -> bytes:
    """Queue a stray deposit to be paid back in full; the peg-out's id.

    Raises `StrayUnknown`, `DestinationInvalid`, `BurnAboveCapacity`, `VaultUnproven`, and
    `AlreadyClaimed` where a lower minimum let somebody claim it after all.
    """
    place: Outpoint = chosen.deposit
    stray = stray_at(stage.state, place)
    if stray is None:
        raise StrayUnknown(outpoint=place)
    claims.check_new(stage, place)
    check_destination(stage.genesis, chosen.destination)
    tier = tier_for(terms_in_force(stage), stray.asset, stray.amount)
    stage.state.put(stray_key(place), None)
    claimed = Claimed(stray.header, stray.asset, stray.amount, 0, 0)
    stage.state.write(claimed_key(place), claimed)
    id = return_id(stage.genesis.id, place)
    _enqueue(stage, id, _request(stage, chosen, stray, tier))
    return id


def _request(stage: Stage, chosen: Return, stray: Stray, tier: int) -> Request:
    return Request(
        number=new_number(stage.state),
        destination=chosen.destination,
        asset=stray.asset,
        burned=stray.amount,
        payout=stray.amount,
        flat=0,
        refund=NOBODY,
        tier=tier,
        state=PegoutState.REQUESTED,
        seq=0,
        vetoes=0,
    )


def _enqueue(stage: Stage, id: bytes, request: Request) -> None:
    open_request(stage, id, request)
    queue.join(stage.state, request.tier, id)
    stage.record(record_leaf(request, id))
    move(stage.state, request.asset, owed=request.payout)
    stage.note(ReturnAsked(id, request.asset, request.payout))
    stage.tell("pegout", id=id, asset=request.asset, payout=request.payout)
