"""M04: amounts and weights at their greatest, so that the sums of a package overflow or round a
poor one up.

The bound: sums are whole numbers of any length and rates are compared as such; a block's fees stay
one amount, since its reward is one output.
"""

from __future__ import annotations

import pytest

from bystack.ledger.candidates import RATE, FeeNotHigher
from bystack.ledger.estimates import FeeEstimates, FeeRecord
from bystack.ledger.mempool import Mempool
from bystack.ledger.template import select
from bystack.primitives.codec import MAX_INT, decode, encode
from tests.ledger.people import outpoint
from tests.ledger.pools import HEIGHT, out, waiting


def test_the_sums_of_a_rich_family_are_exact() -> None:
    pool, tip = Mempool(HEIGHT), waiting([outpoint(1)], MAX_INT, heavy=4_000_000)
    root = tip
    pool.admit(tip)
    for _ in range(24):
        tip = waiting([out(tip)], MAX_INT, heavy=4_000_000)
        pool.admit(tip)
    first, last = pool.entry(root.tx.id), pool.entry(tip.tx.id)
    assert first is not None and last is not None
    assert first.below.fee == last.above.fee == pool.fee == 25 * MAX_INT
    assert first.worth == MAX_INT * RATE // 4_000_000


def test_a_replacement_of_a_rich_family_pays_the_whole_of_it() -> None:
    pool, parent = Mempool(HEIGHT), waiting([outpoint(1)], MAX_INT)
    pool.admit(parent)
    pool.admit(waiting([out(parent)], MAX_INT))
    rival = waiting([outpoint(1), outpoint(2)], MAX_INT, heavy=99)
    with pytest.raises(FeeNotHigher):
        pool.admit(rival)
    assert rival.tx.id not in pool


def test_a_block_of_rich_transactions_pays_one_amount_at_most() -> None:
    pool = Mempool(HEIGHT)
    for number in range(9):
        pool.admit(waiting([outpoint(number)], MAX_INT // 4))
    assert sum(one.fee for one in select(pool, 10**6)) <= MAX_INT
    assert len(select(pool, 10**6)) == 4


def test_one_unit_of_difference_decides_among_the_richest() -> None:
    pool = Mempool(HEIGHT, max_weight=1_000)
    for number in range(10):
        pool.admit(waiting([outpoint(number)], MAX_INT - 1))
    assert len(pool.admit(waiting([outpoint(50)], MAX_INT))) == 2  # down to 95 %


def test_estimates_of_the_richest_still_fit_their_record() -> None:
    fees = FeeEstimates()
    for number in range(100):
        fees.entered(number.to_bytes(32, "big"), MAX_INT * RATE, number)
        fees.mined([number.to_bytes(32, "big")], number + 1)
    assert decode(FeeRecord, encode(fees.record()), 10_000_000) == fees.record()
