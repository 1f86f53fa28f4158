"""W14 batch limits: none, one, the most and one more; the rest stays queued in its order.

A batch of the most requests is an order that the main chain takes, whatever their destinations.
"""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Output
from bystack.primitives.codec import Malformed, decode, encode
from bystack.sidechain import queue
from bystack.sidechain.actions import encode_action
from bystack.sidechain.records import MAX_BATCH, BatchRecord, PegoutState, pegout_id
from tests.ledger.people import CAROL
from tests.sidechain.mainside import FAST
from tests.sidechain.world import World, burn_action, funded

FAR = DepositLock(b"\x05" * 32, b"\x06" * 64)
"""A destination as long as any."""


def queued(count: int) -> tuple[World, list[bytes]]:
    """Four open batches, and so many requests behind them."""
    world = funded()
    for _ in range(4):
        world.burn(10)
    ids: list[bytes] = []
    while len(ids) < count:
        some = min(16, count - len(ids))
        burning = encode_action(burn_action(10, BTM, FAR, CAROL.lock.root))
        tx = world.transact(CAROL, actions=(burning,) * some, destroyed=10 * some, fee=some)
        world.block(tx)
        ids += [pegout_id(world.genesis.id, tx.id, index) for index in range(some)]
    assert queue.length(world.view, FAST) == count
    return world, ids


@pytest.mark.parametrize("count", [1, MAX_BATCH, MAX_BATCH + 1, MAX_BATCH + 17])
def test_the_most_are_taken_in_order_and_the_rest_keeps_its_own(count: int) -> None:
    world, ids = queued(count)
    world.pay(0)
    assert world.record(4).requests == tuple(ids[:MAX_BATCH])
    rest = [id for id, _ in queue.waiting(world.view, FAST, 1_000)]
    assert rest == ids[MAX_BATCH:]
    for seq in (1, 2, 3, 4):
        world.pay(seq)
    assert all(world.stands(id) == PegoutState.SETTLED for id in ids[:MAX_BATCH])
    assert all(world.stands(id) == PegoutState.BATCHED for id in ids[MAX_BATCH:])
    if count > MAX_BATCH:
        assert world.record(5).requests == tuple(ids[MAX_BATCH:])


def test_no_request_no_batch() -> None:
    world = funded()
    world.idle(3)
    assert world.open == ()


def test_one_more_than_the_most_is_no_record() -> None:
    output = Output(BTM, 1, FAR)
    ids = tuple(n.to_bytes(32, "big") for n in range(MAX_BATCH + 1))
    whole = BatchRecord(bytes(32), 0, 0, (output,) * MAX_BATCH, ids[:MAX_BATCH])
    assert decode(BatchRecord, encode(whole), 10**6) == whole
    for outputs, requests in (((output,) * (MAX_BATCH + 1), ids[:1]), ((output,), ids)):
        with pytest.raises(Malformed):
            decode(BatchRecord, encode(BatchRecord(bytes(32), 0, 0, outputs, requests)), 10**6)
