"""What a proved vault spend means for a batch: settled, set aside, voided, vetoed.

Each peg-out is paid or refunded, never both; requests come back to the queue only here. After a
deep reorganisation a request may have moved on from a batch, so each step touches only those the
batch still owns. `orphans` takes these steps back.
"""

from __future__ import annotations

import msgspec

from bystack.ledger.transactions import Outpoint, Output, PolicyLock
from bystack.sidechain import losses, queue
from bystack.sidechain.batches import open_seqs
from bystack.sidechain.peg_events import BatchBack, BatchPaid
from bystack.sidechain.records import (
    OPEN,
    Batch,
    BatchState,
    PegoutState,
    Pending,
    Request,
    batch_key,
    orphaned_key,
)
from bystack.sidechain.requests import request_of, set_state
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import state_key
from bystack.sidechain.sums import move, peg_fees

Requests = tuple[tuple[bytes, Request], ...]

EVERY = b""
"""For an asset: all of a batch's. A delayed batch is of one asset, but a tier can become delayed
while a mixed one is open; then each asset's coin is paid out or vetoed by itself."""


def pending_key(outpoint: Outpoint) -> bytes:
    """Where a delayed order's coin is kept while it is pending."""
    return state_key("pending", outpoint.transaction, outpoint.index)


def mark(stage: Stage, seq: int, batch: Batch, to: BatchState) -> None:
    """Move a batch to another state and keep the list of open ones."""
    stage.state.write(batch_key(seq), msgspec.structs.replace(batch, state=int(to)))
    others = {other for other in open_seqs(stage.state) if other != seq}
    stage.state.write(OPEN, tuple(sorted(others | {seq} if to == BatchState.OPEN else others)))
    stage.tell("batch_state", seq=seq, state=to.name.lower())


def requests_of(stage: Stage, batch: Batch, asset: bytes = EVERY) -> Requests:
    """The requests that a batch was recorded with, as they stand now; those of one asset."""
    every = ((id, request_of(stage, id)) for id in batch.record.requests)
    return tuple((id, r) for id, r in every if asset in (EVERY, r.asset))


def owned(stage: Stage, seq: int, batch: Batch, asset: bytes = EVERY) -> Requests:
    """Those of them that still wait for this batch and no other."""
    waiting = (PegoutState.BATCHED, PegoutState.PENDING)
    every = requests_of(stage, batch, asset)
    return tuple((id, r) for id, r in every if r.seq == seq and r.state in waiting)


def settle(stage: Stage, seq: int, batch: Batch, asset: bytes = EVERY) -> None:
    """Its order is the proved spend of its seq (or, delayed, its completion is proved)."""
    mark(stage, seq, batch, _end(stage, seq, batch, asset, BatchState.SETTLED))
    if stage.state.get(orphaned_key(seq)) is not None:
        stage.state.put(orphaned_key(seq), None)
    mine = {id for id, _ in owned(stage, seq, batch)}
    for id, request in requests_of(stage, batch, asset):
        if request.state == PegoutState.REQUESTED:
            queue.leave(stage.state, request.tier, id)
        elif id not in mine:
            losses.overpay(stage, seq, id, request)
            continue
        set_state(stage, id, request, PegoutState.SETTLED, seq=seq)
        move(stage.state, request.asset, owed=-request.payout)
    stage.note(BatchPaid(seq))


def _end(stage: Stage, seq: int, batch: Batch, asset: bytes, end: BatchState) -> BatchState:
    """How the batch stands once one asset's part of it has this end: pending while others wait."""
    parts = len(owned(stage, seq, batch)) - len(owned(stage, seq, batch, asset))
    return BatchState.PENDING if parts else end


def set_aside(stage: Stage, seq: int, batch: Batch, coin: Outpoint, pending: Pending) -> None:
    """A delayed order is the proved spend: its seq is used, its payout waits out the delay."""
    mark(stage, seq, batch, BatchState.PENDING)
    stage.state.write(pending_key(coin), pending)
    mine = {id for id, _ in owned(stage, seq, batch)}
    for id, request in requests_of(stage, batch):
        if request.state == PegoutState.REQUESTED:
            queue.leave(stage.state, request.tier, id)
        elif id not in mine:
            continue
        set_state(stage, id, request, PegoutState.PENDING, seq=seq)


def void(stage: Stage, seq: int, batch: Batch) -> None:
    """The seq was spent otherwise: the order can never execute, its requests come back."""
    if batch.state == BatchState.OPEN:
        mark(stage, seq, batch, BatchState.VOIDED)
        give_back(stage, seq, batch, vetoed=0)


def veto(stage: Stage, seq: int, batch: Batch, asset: bytes = EVERY) -> None:
    """The guard sent the pending coin back to the treasury."""
    if batch.state == BatchState.PENDING:
        mark(stage, seq, batch, _end(stage, seq, batch, asset, BatchState.VOIDED))
        give_back(stage, seq, batch, vetoed=1, asset=asset)


def give_back(stage: Stage, seq: int, batch: Batch, vetoed: int, asset: bytes = EVERY) -> None:
    """The batch's requests return to the head of their queue, but for those paid elsewhere."""
    back: list[bytes] = []
    for id, request in owned(stage, seq, batch, asset):
        if paid_elsewhere(stage, id, request):
            move(stage.state, request.asset, owed=-request.payout)
            continue
        vetoes = request.vetoes + vetoed
        tier = batch.record.tier
        set_state(stage, id, request, PegoutState.REQUESTED, seq=0, vetoes=vetoes, tier=tier)
        back.append(id)
    queue.rejoin(stage.state, batch.record.tier, tuple(back))
    stage.note(BatchBack(seq, bool(vetoed)))


def paid_elsewhere(stage: Stage, id: bytes, request: Request) -> bool:
    """True if another seq paid the request too soon: that payment is the one owed, after all."""
    seqs = losses.overpaid(stage.state, id)
    if not seqs:
        return False
    losses.forget_overpaid(stage, seqs[0], id, request)
    set_state(stage, id, request, PegoutState.SETTLED, seq=seqs[0])
    return True


def repay(
    stage: Stage, seq: int, batch: Batch, recipient: PolicyLock | None, *, half: int = 0
) -> tuple[Output, ...]:
    """The flat fees of a batch, given to its sponsor from the pool as far as it reaches.

    `half`: 1 for a delayed order, 2 for its completion, each repaid one half; 0 for all at once.
    Once each, though a reorganisation may have it proved again.
    """
    key = state_key("repaid", seq, half)
    if recipient is None or stage.state.get(key) is not None:
        return ()
    stage.state.write(key, 1)
    flats: dict[bytes, int] = {}
    for _, request in requests_of(stage, batch):
        flats[request.asset] = flats.get(request.asset, 0) + request.flat
    due = sorted((asset, flat) for asset, flat in flats.items() if flat)
    outputs = (_share(stage, asset, flat // 2 if half else flat) for asset, flat in due)
    paid = tuple(Output(asset, share, recipient) for asset, share in outputs if share)
    for output in paid:
        move(stage.state, output.asset, pool=-output.amount, circulating=output.amount)
    return paid


def _share(stage: Stage, asset: bytes, flat: int) -> tuple[bytes, int]:
    unit = stage.genesis.by_asset[asset].unit
    share = min(flat, peg_fees(stage.state, asset))
    return asset, share - share % unit
