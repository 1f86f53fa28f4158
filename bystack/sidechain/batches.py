"""Batches: the chain itself writes the orders that the federation signs, one seq each.

In the first of its own blocks where a request waits, a bucket covers it, fewer than four batches
are open and nothing is paused, the transition records batch(vault, seq, tier, outputs)
(federation.md, section 3). No member and no proposer chooses what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from bystack.ledger.buckets import levels
from bystack.ledger.terms import Terms, Tier, decode_terms
from bystack.ledger.transactions import Output
from bystack.ledger.vault_state import decode_state
from bystack.sidechain import queue
from bystack.sidechain.peg_events import BatchFormed
from bystack.sidechain.records import (
    LAST_SEQ,
    MAX_BATCH,
    MAX_OPEN,
    MIRROR,
    OPEN,
    Batch,
    BatchRecord,
    BatchState,
    Mirror,
    PegoutState,
    Request,
    batch_key,
    record_leaf,
)
from bystack.sidechain.requests import set_state
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState
from bystack.sidechain.stops import PegsPaused, check_running
from bystack.sidechain.tiering import retier

Picked = tuple[tuple[bytes, Request], ...]


def open_seqs(state: SystemState) -> tuple[int, ...]:
    """The seqs of batches not yet proved spent, ascending."""
    return state.read(tuple[int, ...], OPEN) or ()


def batch_of(state: SystemState, seq: int) -> Batch | None:
    """The batch recorded under a seq."""
    return state.read(Batch, batch_key(seq))


def form(stage: Stage, tip_time: int) -> None:
    """At a block's end: record at most one batch, from the first tier that can pay something."""
    mirror = stage.state.read(Mirror, MIRROR)
    if mirror is None:
        return
    terms = decode_terms(mirror.terms)
    retier(stage, terms)
    if len(open_seqs(stage.state)) < MAX_OPEN and _running(stage, tip_time):
        _form_first(stage, mirror, terms)


def _running(stage: Stage, tip_time: int) -> bool:
    try:
        check_running(stage, tip_time)
    except PegsPaused:
        return False
    return stage.modules.may_batch(stage.state, stage.block)


def _form_first(stage: Stage, mirror: Mirror, terms: Terms) -> None:
    room = _room(stage, mirror, terms)
    for number, tier in enumerate(terms.tiers):
        picked = _pick(stage.state, number, tier, room)
        if picked:
            _record(stage, mirror, number, picked)
            return


def _room(stage: Stage, mirror: Mirror, terms: Terms) -> dict[tuple[int, bytes], int]:
    """What each bucket may still pay: the mirror's at the relayed tip, less open batches."""
    buckets = decode_state(mirror.state).buckets
    room = dict(levels(buckets, terms, max(stage.block.relay_height, mirror.height)))
    for seq in open_seqs(stage.state):
        batch = batch_of(stage.state, seq)
        for output in batch.record.outputs if batch else ():
            bucket = (batch.record.tier, output.asset) if batch else (0, b"")
            room[bucket] = room.get(bucket, 0) - output.amount
    return room


def _pick(
    state: SystemState, number: int, tier: Tier, room: Mapping[tuple[int, bytes], int]
) -> Picked:
    """The requests at the queue's head that fit, in order; the first that does not ends it."""
    picked: list[tuple[bytes, Request]] = []
    left = dict(room)
    for id, request in queue.waiting(state, number, MAX_BATCH):
        if tier.delay and picked and request.asset != picked[0][1].asset:
            break
        if tier.limits:
            bucket = (number, request.asset)
            left[bucket] = left.get(bucket, 0) - request.payout
            if left[bucket] < 0:
                break
        picked.append((id, request))
    return tuple(picked)


def _record(stage: Stage, mirror: Mirror, tier: int, picked: Picked) -> None:
    state = stage.state
    seq = max(decode_state(mirror.state).seq, state.number(LAST_SEQ))
    outputs = tuple(Output(r.asset, r.payout, r.destination) for _, r in picked)
    ids = tuple(id for id, _ in picked)
    record = BatchRecord(stage.genesis.vault, seq, tier, outputs, ids)
    leaf = stage.record(record_leaf(record, bytes(32)))
    state.write(batch_key(seq), Batch(record, int(BatchState.OPEN), leaf, stage.block.height))
    state.write(LAST_SEQ, seq + 1)
    state.write(OPEN, (*open_seqs(state), seq))
    queue.advance(state, tier, len(picked))
    for id, request in picked:
        set_state(stage, id, request, PegoutState.BATCHED, seq=seq)
    stage.note(BatchFormed(seq, tier, len(ids)))
    stage.tell("batch", seq=seq, tier=tier, pegouts=ids)
