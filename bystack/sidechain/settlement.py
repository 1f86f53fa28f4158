"""What a proved vault spend means for a batch: settled, set aside, voided, vetoed or reopened.

Each peg-out is paid or refunded, never both; requests come back to the queue only here.
"""

from __future__ import annotations

import msgspec

from bystack.ledger.transactions import Outpoint, Output, PolicyLock
from bystack.ledger.vault_operations import Order
from bystack.sidechain import queue
from bystack.sidechain.batches import batch_of, open_seqs, set_state
from bystack.sidechain.burns import request_of
from bystack.sidechain.records import OPEN, Batch, BatchState, PegoutState, Request, batch_key
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import state_key
from bystack.sidechain.stops import Stop, stop
from bystack.sidechain.sums import move, sums_of


def pending_key(outpoint: Outpoint) -> bytes:
    """Where the seq of a delayed payout is kept while it is pending."""
    return state_key("pending", outpoint.transaction, outpoint.index)


def _close(stage: Stage, seq: int, batch: Batch, to: BatchState) -> None:
    stage.state.write(batch_key(seq), msgspec.structs.replace(batch, state=int(to)))
    stage.state.write(OPEN, tuple(other for other in open_seqs(stage.state) if other != seq))
    stage.tell("batch_state", seq=seq, state=to.name.lower())


def _requests(stage: Stage, batch: Batch) -> list[tuple[bytes, Request]]:
    return [(id, request_of(stage, id)) for id in batch.record.requests]


def settle(stage: Stage, seq: int, batch: Batch) -> None:
    """Its order is the proved spend of its seq (or, delayed, its completion is proved)."""
    _close(stage, seq, batch, BatchState.SETTLED)
    for id, request in _requests(stage, batch):
        _pay(stage, seq, id, request)


def _pay(stage: Stage, seq: int, id: bytes, request: Request) -> None:
    """Count a payout. A request that a deep reorganisation let be paid twice is a deficit."""
    if request.state == PegoutState.REQUESTED:
        queue.leave(stage.state, request.tier, id)
    elif request.seq != seq or request.state not in (PegoutState.BATCHED, PegoutState.PENDING):
        _lose(stage, request.asset, request.payout)
        return
    set_state(stage, id, request, PegoutState.SETTLED, seq=seq)
    move(stage.state, request.asset, owed=-request.payout)


def _lose(stage: Stage, asset: bytes, amount: int) -> None:
    move(stage.state, asset, deficit=amount)
    stop(stage, Stop.UNKNOWN_SPEND)


def set_aside(stage: Stage, seq: int, batch: Batch, pending: Outpoint) -> None:
    """A delayed order is the proved spend: its seq is used, its payout waits out the delay."""
    _close(stage, seq, batch, BatchState.PENDING)
    stage.state.write(pending_key(pending), seq)
    for id, request in _requests(stage, batch):
        set_state(stage, id, request, PegoutState.PENDING)


def void(stage: Stage, seq: int, batch: Batch) -> None:
    """The seq was spent otherwise: the order can never execute, its requests come back."""
    if batch.state != BatchState.OPEN:
        return
    _close(stage, seq, batch, BatchState.VOIDED)
    _return(stage, batch, vetoed=0)


def veto(stage: Stage, seq: int, batch: Batch) -> None:
    """The guard sent the pending coin back to the treasury."""
    _close(stage, seq, batch, BatchState.VOIDED)
    _return(stage, batch, vetoed=1)


def _return(stage: Stage, batch: Batch, vetoed: int) -> None:
    for id, request in _requests(stage, batch):
        vetoes = request.vetoes + vetoed
        set_state(stage, id, request, PegoutState.REQUESTED, seq=0, vetoes=vetoes)
    queue.rejoin(stage.state, batch.record.tier, batch.record.requests)


def reopen(stage: Stage, seq: int) -> None:
    """The proved spend of this seq was reorganised away: a settled order is sent again."""
    batch = batch_of(stage.state, seq)
    if batch is None or batch.state not in (BatchState.SETTLED, BatchState.PENDING):
        return
    settled = batch.state == BatchState.SETTLED
    stage.state.write(batch_key(seq), msgspec.structs.replace(batch, state=int(BatchState.OPEN)))
    stage.state.write(OPEN, tuple(sorted((*open_seqs(stage.state), seq))))
    for id, request in _requests(stage, batch):
        set_state(stage, id, request, PegoutState.BATCHED)
        if settled:
            move(stage.state, request.asset, owed=request.payout)
    stage.tell("batch_state", seq=seq, state="orphaned")


def report_unknown(stage: Stage, order: Order) -> None:
    """A proved order that is no batch in state: publish what left as a deficit and stop."""
    for output in order.outputs:
        if output.asset in stage.genesis.by_asset:
            move(stage.state, output.asset, deficit=output.amount)
    stop(stage, Stop.UNKNOWN_SPEND)


def repay(
    stage: Stage, batch: Batch, recipient: PolicyLock | None, *, half: bool
) -> tuple[Output, ...]:
    """The flat fees of a batch, given to its sponsor from the pool as far as it reaches."""
    if recipient is None:
        return ()
    flats: dict[bytes, int] = {}
    for _, request in _requests(stage, batch):
        flats[request.asset] = flats.get(request.asset, 0) + request.flat
    outputs = []
    for asset, flat in sorted(flats.items()):
        unit = stage.genesis.by_asset[asset].unit
        share = min(flat // 2 if half else flat, sums_of(stage.state, asset).pool)
        share -= share % unit
        if share:
            move(stage.state, asset, pool=-share, circulating=share)
            outputs.append(Output(asset, share, recipient))
    return tuple(outputs)
