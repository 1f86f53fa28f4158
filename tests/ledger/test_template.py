"""Block templates: parents before children, every bound kept, and as much fee as greed can find."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger import template
from bystack.ledger.candidates import Candidate
from bystack.ledger.mempool import Mempool
from bystack.ledger.template import select
from bystack.primitives.codec import MAX_INT
from tests.ledger.people import outpoint
from tests.ledger.pools import HEIGHT, out, waiting

A, B, C = map(outpoint, (1, 2, 3))


def pool_of(*candidates: Candidate, max_weight: int = 10**9) -> Mempool:
    pool = Mempool(HEIGHT, max_weight, min_rate=10)
    for one in candidates:
        pool.admit(one)
    return pool


def test_the_template_takes_the_best_first() -> None:
    fees = [300, 900, 600]
    pool = pool_of(*(waiting([outpoint(n)], fee) for n, fee in enumerate(fees)))
    assert [one.fee for one in select(pool, 10**6)] == [900, 600, 300]
    assert [one.fee for one in select(pool, 250)] == [900, 600]
    assert select(pool, 99) == ()


def test_a_child_pays_for_its_parent() -> None:
    parent = waiting([A], 20)
    child = waiting([out(parent)], 2_000)
    middle = waiting([B], 900)
    pool = pool_of(parent, middle, child)
    assert select(pool, 250) == (parent, child)
    assert select(pool, 300) == (parent, child, middle)
    assert select(pool, 150) == (middle,)


def test_the_template_bounds_bls_checks() -> None:
    pool = pool_of(
        waiting([A], 900, bls=150), waiting([B], 800, bls=100), waiting([C], 700, bls=50)
    )
    assert [one.fee for one in select(pool, 10**6)] == [900, 700]


def test_bls_checks_used_up_leave_the_rest_of_the_block_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(template, "MISSES", 3)
    heavy = [waiting([outpoint(n)], 900, bls=100) for n in range(20)]
    plain = [waiting([outpoint(n)], 500) for n in range(100, 120)]
    assert sum(one.bls_checks == 0 for one in select(pool_of(*heavy, *plain), 10**4)) == 20


def test_proofs_beyond_what_a_block_bears_leave_room_for_payments() -> None:
    free = [waiting([outpoint(n)], 10**9) for n in range(8)]
    proofs = [msgspec.structs.replace(one, burden=10) for one in free]
    plain = [waiting([outpoint(n)], 500) for n in range(100, 104)]
    chosen = select(pool_of(*proofs, *plain), 1_000, max_burden=35)
    assert [one.burden for one in chosen] == [10] * 3 + [0] * 4


def test_only_misses_in_a_row_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "MISSES", 3)
    whole = waiting([A], 10**8, heavy=99_100)
    rows = [
        (100, 800),
        (1_000, 700),
        (1_000, 690),
        (100, 60),
        (1_000, 500),
        (1_000, 490),
        (100, 40),
    ]
    rest = [waiting([outpoint(n)], fee, heavy=heavy) for n, (heavy, fee) in enumerate(rows, 10)]
    block = select(pool_of(whole, *rest), 100_000)
    assert block == (whole, rest[0], rest[3], rest[6])


def test_the_fees_of_a_block_are_one_amount() -> None:
    half = MAX_INT // 2
    pool = pool_of(*(waiting([outpoint(n)], half + 1) for n in range(5, 8)), waiting([A], 7))
    assert [one.fee for one in select(pool, 10**6)] == [half + 1, 7]
    assert [one.fee for one in select(pool, 10**6, max_fee=half)] == [7]


def test_what_becomes_cheaper_once_its_parent_is_in_waits_its_turn() -> None:
    parent = waiting([A], 2_000)
    child = waiting([out(parent)], 100)
    middle = waiting([B], 900)
    # Parent and child together come to 1,050 each, above the one in the middle.
    assert select(pool_of(parent, child, middle), 200) == (parent, middle)


# --- against a plain search -------------------------------------------------------------------

Shape = tuple[int, int, int]


def grown(shapes: Sequence[Shape]) -> Mempool:
    """A pool of transactions (fee, weight, parent): parent n is the n-th before it, 0 none."""
    made: list[Candidate] = []
    pool = pool_of()
    for number, (fee, heavy, back) in enumerate(shapes):
        place = outpoint(number) if not 0 < back <= number else out(made[-back], number % 30)
        one = waiting([place], fee, heavy=heavy, outputs=30, salt=number.to_bytes(2, "big"))
        made.append(one)
        if pool.taker(place) is None and (place.index == 0 or place.transaction in pool):
            pool.admit(one)
    return pool


def plain_greed(pool: Mempool, room: int) -> int:
    """The fee of the obvious search: of all packages that fit take the best, and look anew."""
    chosen: set[bytes] = set()
    total = 0
    while True:
        best: tuple[Fraction, int, set[bytes]] | None = None
        for at, one in enumerate(pool):
            if one.tx.id in chosen:
                continue
            package = {one.tx.id, *pool.ancestors(one.tx.id)} - chosen
            found = [found for found in pool if found.tx.id in package]
            fee, weight = sum(c.fee for c in found), sum(c.weight for c in found)
            if weight <= room and (best is None or Fraction(fee, weight) > best[0]):
                best = Fraction(fee, weight), -at, package
        if best is None:
            return total
        chosen |= best[2]
        room -= sum(c.weight for c in pool if c.tx.id in best[2])
        total += sum(c.fee for c in pool if c.tx.id in best[2])


def valid(pool: Mempool, block: Sequence[Candidate], room: int) -> bool:
    done: set[bytes] = set()
    for one in block:
        if not pool.ancestors(one.tx.id) <= done:
            return False
        done.add(one.tx.id)
    return len(done) == len(block) and sum(one.weight for one in block) <= room


SHAPES = st.lists(
    st.tuples(st.integers(1, 10**6), st.integers(100, 900), st.integers(0, 3)), max_size=14
)


@given(SHAPES, st.integers(0, 5_000))
def test_no_worse_than_the_obvious_search(shapes: list[Shape], room: int) -> None:
    pool = grown(shapes)
    block = select(pool, room)
    assert valid(pool, block, room)
    assert sum(one.fee for one in block) * 100 >= plain_greed(pool, room) * 99


def best_possible(pool: Mempool, room: int) -> int:
    """The most that any choice of transactions pays."""
    every, best = list(pool), 0
    for count in range(len(every) + 1):
        for some in combinations(every, count):
            ids = {one.tx.id for one in some}
            whole = all(pool.ancestors(one.tx.id) <= ids for one in some)
            if whole and sum(one.weight for one in some) <= room:
                best = max(best, sum(one.fee for one in some))
    return best


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.just(100), st.just(0)), max_size=8),
    st.integers(0, 9),
)
def test_of_equal_sizes_none_does_better(shapes: list[Shape], count: int) -> None:
    pool = grown(shapes)
    fee = sum(one.fee for one in select(pool, 100 * count))
    assert fee == best_possible(pool, 100 * count)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_a_full_block_is_within_a_hundredth_of_what_any_choice_could_pay(random: Random) -> None:
    shapes = [(random.randint(1, 10**5), random.randint(100, 900), 0) for _ in range(400)]
    pool, room = grown(shapes), 100_000
    block = select(pool, room)
    bound, left = Fraction(0), room  # transactions that could be cut: no choice pays more
    for one in sorted(pool, key=lambda one: Fraction(one.fee, one.weight), reverse=True):
        part = min(left, one.weight)
        bound, left = bound + Fraction(one.fee * part, one.weight), left - part
    assert sum(one.fee for one in block) * 100 >= bound * 99
