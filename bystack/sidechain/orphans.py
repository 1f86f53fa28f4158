"""What a relayed reorganisation takes back: proved anchor spends, completions and vetoes.

It reaches them only from deeper than K, and then the pegs stop. A settled batch reopens with its
seq and is sent again; one whose requests have moved on stays void, for its order must not be.
"""

from __future__ import annotations

from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_state import decode_state
from bystack.mainchain.chain import HeaderDelta
from bystack.primitives.codec import encode
from bystack.sidechain import losses, queue
from bystack.sidechain.batches import batch_of
from bystack.sidechain.records import (
    MIRROR,
    Batch,
    BatchState,
    Mirror,
    PegoutState,
    Pending,
    Resolved,
    orphaned_key,
)
from bystack.sidechain.requests import set_state
from bystack.sidechain.settlement import (
    EVERY,
    give_back,
    mark,
    owned,
    paid_elsewhere,
    pending_key,
    requests_of,
)
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import state_key
from bystack.sidechain.sums import move


def before_key(seq: int) -> bytes:
    """Where the mirror as it was before the spend of a seq is kept."""
    return state_key("mirror/before", seq)


def remember(stage: Stage, header: bytes, resolved: Resolved) -> None:
    """Keep how a pending coin ended, under the block it ended in."""
    count = stage.state.number(state_key("resolved/count", header))
    stage.state.write(state_key("resolved/of", header, count), resolved)
    stage.state.write(state_key("resolved/count", header), count + 1)


def take_back(stage: Stage, delta: HeaderDelta) -> None:
    """Un-prove what rested on the blocks that are gone, the latest first."""
    for header in delta.disconnect:
        _pendings(stage, header)
    gone = set(delta.disconnect)
    mirror = stage.state.read(Mirror, MIRROR)
    while mirror is not None and mirror.header in gone:
        seq = decode_state(mirror.state).seq - 1
        mirror = stage.state.read(Mirror, before_key(seq)) if seq >= 0 else None
        stage.state.put(MIRROR, encode(mirror) if mirror else None)
        if seq >= 0:
            _spend(stage, seq)


def _pendings(stage: Stage, header: bytes) -> None:
    key = state_key("resolved/count", header)
    for number in reversed(range(stage.state.number(key))):
        place = state_key("resolved/of", header, number)
        resolved = stage.state.read(Resolved, place)
        stage.state.put(place, None)
        if resolved is not None:
            _pending_again(stage, resolved)
    if stage.state.get(key) is not None:
        stage.state.put(key, None)


def _pending_again(stage: Stage, resolved: Resolved) -> None:
    """The coin is pending again: its batch is neither paid nor vetoed."""
    coin: Outpoint = resolved.coin
    pending: Pending = resolved.pending
    stage.state.write(pending_key(coin), pending)
    batch = batch_of(stage.state, pending.seq) if pending.known else None
    if batch is None:
        losses.await_unknown(stage, pending.seq, 1)
        if not resolved.vetoed:
            losses.regain(stage, (pending.loss,))
    elif not resolved.vetoed:
        _unpay(stage, pending.seq, batch, PegoutState.PENDING, pending.loss.asset)
        mark(stage, pending.seq, batch, BatchState.PENDING)
    elif _fetch(stage, pending.seq, batch, PegoutState.PENDING, 1, pending.loss.asset):
        mark(stage, pending.seq, batch, BatchState.PENDING)


def _spend(stage: Stage, seq: int) -> None:
    """The anchor spend of this seq is gone."""
    losses.forget_unknown(stage, seq)
    batch = batch_of(stage.state, seq)
    match batch.state if batch else None:
        case BatchState.SETTLED if batch:
            _unpay(stage, seq, batch, PegoutState.BATCHED)
            _reopen(stage, seq, batch)
        case BatchState.PENDING if batch:
            for id, request in owned(stage, seq, batch):
                set_state(stage, id, request, PegoutState.BATCHED)
            _reopen(stage, seq, batch)
        case BatchState.VOIDED if batch and _fetch(stage, seq, batch, PegoutState.BATCHED, 0):
            mark(stage, seq, batch, BatchState.OPEN)


def _reopen(stage: Stage, seq: int, batch: Batch) -> None:
    """Open again; but where a request was paid elsewhere meanwhile the order must not be sent."""
    if len(owned(stage, seq, batch)) == len(batch.record.requests):
        mark(stage, seq, batch, BatchState.OPEN)
        return
    mark(stage, seq, batch, BatchState.VOIDED)
    give_back(stage, seq, batch, vetoed=0)


def _unpay(stage: Stage, seq: int, batch: Batch, to: PegoutState, asset: bytes = EVERY) -> None:
    """What the batch paid is owed again, unless another seq paid it too."""
    stage.state.write(orphaned_key(seq), 1)
    for id, request in requests_of(stage, batch, asset):
        if seq in losses.overpaid(stage.state, id):
            losses.forget_overpaid(stage, seq, id, request)
        elif not paid_elsewhere(stage, id, request):
            set_state(stage, id, request, to)
            move(stage.state, request.asset, owed=request.payout)


def _fetch(
    stage: Stage, seq: int, batch: Batch, to: PegoutState, vetoed: int, asset: bytes = EVERY
) -> bool:
    """Take a void batch's requests out of the queue again, if all of them still wait there."""
    every = requests_of(stage, batch, asset)
    if any(request.state != PegoutState.REQUESTED for _, request in every):
        return False
    for id, request in every:
        queue.leave(stage.state, request.tier, id)
        set_state(stage, id, request, to, seq=seq, vetoes=request.vetoes - vetoed)
    return True
