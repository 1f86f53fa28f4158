"""M02: replace one's own transaction again and again, so that the network relays for nothing.

The bound: every replacement pays for all it puts out and, on top, the least rate for its own
weight; after n of them the last one pays at least n times what relaying one costs.
"""

from __future__ import annotations

import pytest

from bystack.ledger.candidates import RATE, FeeNotHigher, RelayUnpaid
from bystack.ledger.contention import MAX_DISPLACED, TooManyDisplaced
from bystack.ledger.crowding import PoolFull
from bystack.ledger.mempool import FeeTooLow, Mempool
from tests.ledger.people import outpoint
from tests.ledger.pools import HEIGHT, ORDER, operation, out, waiting

LEAST, HEAVY = 1_000_000, 200
COST = LEAST * HEAVY // RATE
COIN = outpoint(1)


def test_each_replacement_pays_for_its_own_relay() -> None:
    pool, fee = Mempool(HEIGHT, min_rate=LEAST), COST
    pool.admit(waiting([COIN], fee, heavy=HEAVY))
    for number in range(1, 40):
        with pytest.raises(RelayUnpaid):
            pool.admit(waiting([COIN], fee + COST - 1, heavy=HEAVY, salt=bytes([number])))
        fee += COST
        pool.admit(waiting([COIN], fee, heavy=HEAVY, salt=bytes([number])))
        assert pool.fee == fee == COST * (number + 1)


def test_what_hung_on_it_is_paid_for_as_well() -> None:
    pool, parent = Mempool(HEIGHT, min_rate=LEAST), waiting([COIN], COST, heavy=HEAVY)
    pool.admit(parent)
    for index in range(2):
        pool.admit(waiting([out(parent, index)], COST * 2, heavy=HEAVY))
    assert pool.fee == COST * 5
    with pytest.raises(FeeNotHigher):
        pool.admit(waiting([COIN, outpoint(5)], COST * 5, heavy=HEAVY))
    pool.admit(waiting([COIN, outpoint(5)], COST * 6, heavy=HEAVY))
    assert len(pool) == 1


def test_operations_of_one_rank_raise_the_rate_by_the_increment() -> None:
    pool, anchor = Mempool(HEIGHT, min_rate=LEAST), outpoint(50)
    pool.admit(operation(ORDER, [anchor], [COIN], 500))
    with pytest.raises(RelayUnpaid):
        pool.admit(operation(ORDER, [anchor], [outpoint(2)], 599))
    pool.admit(operation(ORDER, [anchor], [outpoint(2)], 600))


def test_one_transaction_does_not_sweep_the_pool() -> None:
    pool = Mempool(HEIGHT, min_rate=LEAST)
    places = [outpoint(number) for number in range(MAX_DISPLACED + 1)]
    for place in places:
        pool.admit(waiting([place], COST, heavy=HEAVY))
    with pytest.raises(TooManyDisplaced):
        pool.admit(waiting(places, 10**12, heavy=HEAVY))
    assert len(pool) == MAX_DISPLACED + 1


def test_what_a_full_pool_put_out_does_not_come_back_at_the_same_price() -> None:
    pool = Mempool(HEIGHT, 20 * HEAVY, LEAST)
    cheap = [waiting([outpoint(number)], COST, heavy=HEAVY) for number in range(20)]
    for one in cheap:
        pool.admit(one)
    with pytest.raises(PoolFull):
        pool.admit(waiting([outpoint(90)], COST, heavy=HEAVY))
    gone = pool.admit(waiting([outpoint(91)], COST * 3, heavy=HEAVY))
    assert gone
    for one in gone:
        with pytest.raises(FeeTooLow):
            pool.admit(one)
