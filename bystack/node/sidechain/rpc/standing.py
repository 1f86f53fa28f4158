"""Where a peg-out or a deposit stands: its state, what it waits for, about how long.

Pure: reads the sidechain's state; heights of the main chain are the relay's. Times are estimates
from the main chain's spacing and the sidechain's empty interval.
"""

from __future__ import annotations

from typing import NamedTuple

from bystack.ledger.buckets import levels
from bystack.ledger.terms import Tier, decode_terms
from bystack.ledger.vault_state import decode_state
from bystack.sidechain import queue
from bystack.sidechain.batches import batch_of, open_seqs
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import (
    MAX_OPEN,
    MIRROR,
    BatchState,
    Mirror,
    PegoutState,
    Request,
    request_key,
)
from bystack.sidechain.relay import RelayView
from bystack.sidechain.state import SystemState
from bystack.sidechain.stops import stops_of


class Wait(NamedTuple):
    """What something waits for, and for about how many main-chain blocks."""

    reason: str
    blocks: int


NOTHING = Wait("", 0)


def request_at(state: SystemState, id: bytes) -> Request | None:
    """The request of a peg-out."""
    return state.read(Request, request_key(id))


def pegout_state(state: SystemState, request: Request) -> str:
    """requested, vetoed, batched, orphaned, pending, settled or refunded.

    Vetoed: back in the queue by the guard. Orphaned: its batch was settled once and is open again.
    """
    found = PegoutState(request.state)
    if found == PegoutState.REQUESTED and request.vetoes:
        return "vetoed"
    return found.name.lower()


def pegout_wait(genesis: Genesis, state: SystemState, request: Request, id: bytes) -> Wait:
    """What a peg-out waits for."""
    match PegoutState(request.state):
        case PegoutState.REQUESTED:
            return _for_batch(state, request, id)
        case PegoutState.BATCHED:
            reason = f"the order of seq {request.seq} on the main chain, {genesis.depth} deep"
            return Wait(reason, genesis.depth + 1)
        case PegoutState.PENDING:
            tier = _tier(state, request)
            delay = 0 if tier is None else tier.delay
            return Wait(
                f"the delay of its tier, then {genesis.depth} headers",
                _rest(genesis, state, request, delay),
            )
        case _:
            return NOTHING


def _rest(genesis: Genesis, state: SystemState, request: Request, delay: int) -> int:
    """Blocks until a delayed payout, ordered before the mirror's height, is proved complete."""
    mirror = state.read(Mirror, MIRROR)
    if mirror is None:
        return delay + genesis.depth
    passed = RelayView(state).best().header.height - mirror.height
    return max(1, delay + 2 * genesis.depth - passed)


def _for_batch(state: SystemState, request: Request, id: bytes) -> Wait:
    mirror = state.read(Mirror, MIRROR)
    if stops_of(state):
        return Wait(f"a quorum to lift the stop {stops_of(state).name}", 0)
    if mirror is None:
        return Wait("the proof of the vault's creation", 1)
    if len(open_seqs(state)) >= MAX_OPEN:
        return Wait(f"one of {MAX_OPEN} open batches to be settled", 1)
    before = position(state, request, id)
    tier = _tier(state, request)
    if tier is None or not tier.limits:
        return Wait(f"the next batch; {before} before it", 0)
    return _for_bucket(state, mirror, request, tier, before)


def _for_bucket(
    state: SystemState, mirror: Mirror, request: Request, tier: Tier, before: int
) -> Wait:
    """The allowance of its tier must cover all before it in the queue, and itself."""
    height = max(RelayView(state).best().header.height, mirror.height)
    room = levels(decode_state(mirror.state).buckets, decode_terms(mirror.terms), height)
    free = room.get((request.tier, request.asset), 0)
    for seq in open_seqs(state):
        batch = batch_of(state, seq)
        if batch and batch.state == BatchState.OPEN and batch.record.tier == request.tier:
            outputs = batch.record.outputs
            free -= sum(o.amount for o in outputs if o.asset == request.asset)
    needed = request.payout + sum(
        other.payout
        for _, other in queue.waiting(state, request.tier, before)
        if other.asset == request.asset
    )
    if needed <= free:
        return Wait(f"the next batch; {before} before it", 0)
    limit = next((one for one in tier.limits if one.asset == request.asset), None)
    steps = -(-(needed - free) // limit.refill) if limit and limit.refill else 1
    blocks = steps * (limit.period if limit else 1)
    return Wait(f"its tier's allowance to refill; {before} before it", blocks)


def position(state: SystemState, request: Request, id: bytes) -> int:
    """How many requests stand before this one in its queue."""
    for place, (other, _) in enumerate(queue.waiting(state, request.tier, 10_000)):
        if other == id:
            return place
    return 0


def _tier(state: SystemState, request: Request) -> Tier | None:
    mirror = state.read(Mirror, MIRROR)
    if mirror is None:
        return None
    tiers = decode_terms(mirror.terms).tiers
    return tiers[request.tier] if request.tier < len(tiers) else None
