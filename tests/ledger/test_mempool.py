"""The memory pool: who comes in, who yields to whom, and that refusal changes nothing."""

from __future__ import annotations

import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.candidates import (
    AnchorSpend,
    Candidate,
    FeeNotHigher,
    PriorityLower,
    candidate,
)
from bystack.ledger.coins import CoinView, Delta
from bystack.ledger.contention import (
    BuildsOnDisplaced,
    OperationUnconfirmed,
    SponsorUnconfirmed,
    TooManyAncestors,
    TooManyDescendants,
    TooManyDisplaced,
)
from bystack.ledger.crowding import PoolFull
from bystack.ledger.effects import NO_EFFECTS, Applied, BlsCheck, Effects, SchnorrCheck
from bystack.ledger.floors import HALF_LIFE
from bystack.ledger.mempool import AlreadyPooled, FeeTooLow, Mempool
from bystack.ledger.transactions import NoWitness, Outpoint, Transaction
from bystack.ledger.validation import apply_transaction, weight
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB, RULES, body, coin, outpoint, pay, signed
from tests.ledger.pools import (
    GUARD,
    HEIGHT,
    ORDER,
    RECOVERY,
    SWEEP,
    operation,
    out,
    waiting,
)


def pool_of(*candidates: Candidate, max_weight: int = 10**6) -> Mempool:
    pool = Mempool(HEIGHT, max_weight, min_rate=10)
    for one in candidates:
        pool.admit(one)
    return pool


def ids(pool: Mempool) -> list[bytes]:
    return [one.tx.id for one in pool]


def refuse(pool: Mempool, one: Candidate, error: type[Invalid]) -> None:
    before = ids(pool), pool.weight, pool.floor
    with pytest.raises(error):
        pool.admit(one)
    assert (ids(pool), pool.weight, pool.floor) == before


A, B, C, D = map(outpoint, (1, 2, 3, 4))
FIRST = waiting([A])


def test_admission_and_what_can_be_asked() -> None:
    pool = pool_of(FIRST)
    child = waiting([out(FIRST), B])
    assert pool.admit(child) == ()
    assert ids(pool) == [FIRST.tx.id, child.tx.id]
    assert FIRST.tx.id in pool
    assert pool.get(child.tx.id) == child
    assert pool.taker(B) == child.tx.id
    assert pool.taker(C) is None
    assert pool.weight == 200
    assert pool.ancestors(child.tx.id) == {FIRST.tx.id}
    assert pool.descendants(FIRST.tx.id) == {FIRST.tx.id, child.tx.id}


def test_known_and_cheap_ones_are_refused() -> None:
    refuse(pool_of(FIRST), FIRST, AlreadyPooled)
    refuse(Mempool(HEIGHT), waiting([A], 99), FeeTooLow)
    Mempool(HEIGHT).admit(waiting([A], 100))


@pytest.mark.parametrize(
    ("fee", "heavy", "wins"),
    [
        (1_001, 100, True),
        (1_000, 100, False),
        (1_000, 90, False),
        (1_100, 110, False),
        (1_500, 140, True),
    ],
)
def test_replacement_needs_a_higher_fee_and_rate(fee: int, heavy: int, wins: bool) -> None:
    pool = pool_of(FIRST)
    rival = waiting([A, B], fee, heavy=heavy)
    if not wins:
        refuse(pool, rival, FeeNotHigher)
        return
    assert pool.admit(rival) == (FIRST,)
    assert ids(pool) == [rival.tx.id]


def test_replacement_pays_for_descendants_too() -> None:
    child = waiting([out(FIRST)], 500)
    pool = pool_of(FIRST, child)
    refuse(pool, waiting([A, B], 1_500), FeeNotHigher)
    rival = waiting([A, B], 1_501)
    assert pool.admit(rival) == (FIRST, child)


def test_nobody_builds_on_what_it_displaces() -> None:
    refuse(pool_of(FIRST), waiting([A, out(FIRST)], 10_000), BuildsOnDisplaced)


def test_other_claims_conflict_like_coins() -> None:
    claim = waiting([], extra=(b"deposit",))
    pool = pool_of(claim)
    refuse(pool, waiting([B], extra=(b"deposit",)), FeeNotHigher)
    assert pool.taker(b"deposit") == claim.tx.id
    assert pool.connect([], HEIGHT + 1, [b"deposit"]) == (claim,)


def test_too_many_are_not_displaced_at_once() -> None:
    pool = pool_of(*(waiting([outpoint(n)]) for n in range(101)))
    refuse(pool, waiting([outpoint(n) for n in range(101)], 10**6), TooManyDisplaced)
    pool.admit(waiting([outpoint(n) for n in range(100)], 10**6))


def test_at_most_25_in_a_line() -> None:
    pool, tip = pool_of(FIRST), FIRST
    for _ in range(24):
        tip = waiting([out(tip)])
        pool.admit(tip)
    refuse(pool, waiting([out(tip)]), TooManyAncestors)


def test_at_most_25_in_a_family() -> None:
    root = waiting([A], outputs=30)
    pool = pool_of(root, *(waiting([out(root, n)]) for n in range(24)))
    refuse(pool, waiting([out(root, 24)]), TooManyDescendants)
    # One that takes the place of another child is no more than before.
    pool.admit(waiting([out(root, 0), B], 5_000))


ANCHOR, DEPOSIT = outpoint(50), outpoint(51)


@pytest.mark.parametrize(
    ("new", "old", "fee", "error"),
    [
        (GUARD, ORDER, 100, None),
        (GUARD, GUARD, 1_001, None),
        (GUARD, GUARD, 1_000, FeeNotHigher),
        (ORDER, ORDER, 1_001, None),
        (ORDER, ORDER, 1_000, FeeNotHigher),
        (ORDER, GUARD, 10**6, PriorityLower),
        (RECOVERY, GUARD, 100, None),
        (GUARD, RECOVERY, 10**6, PriorityLower),
        (RECOVERY, RECOVERY, 1_000, FeeNotHigher),
        (ORDER, SWEEP, 100, None),
        (SWEEP, ORDER, 10**6, PriorityLower),
        (SWEEP, SWEEP, 1_001, None),
    ],
)
def test_who_goes_first_at_a_vault(
    new: AnchorSpend, old: AnchorSpend, fee: int, error: type[Invalid] | None
) -> None:
    incumbent = operation(old, [ANCHOR, DEPOSIT], [A], 1_000)
    pool = pool_of(incumbent)
    rival = operation(new, [ANCHOR, DEPOSIT], [B], fee)
    if error is not None:
        refuse(pool, rival, error)
        return
    assert pool.admit(rival) == (incumbent,)


def test_descendants_do_not_pin_an_anchor() -> None:
    first = operation(ORDER, [ANCHOR], [A], 1_000)
    second = operation(ORDER, [out(first)], [B], 10**6)
    pool = pool_of(first, second)
    assert pool.admit(operation(ORDER, [ANCHOR], [C], 1_001)) == (first, second)


def test_in_a_sponsors_coin_fees_decide() -> None:
    pool = pool_of(waiting([A], 1_000))
    refuse(pool, operation(GUARD, [ANCHOR], [A], 1_000), FeeNotHigher)
    pool.admit(operation(GUARD, [ANCHOR], [A], 1_001))


def test_precedence_holds_at_one_vault_only() -> None:
    pool = pool_of(operation(ORDER, [ANCHOR], [A], 1_000))
    refuse(pool, operation(GUARD, [DEPOSIT], [A], 1_000), FeeNotHigher)


def test_sponsors_bring_confirmed_coins() -> None:
    refuse(pool_of(FIRST), operation(ORDER, [ANCHOR], [out(FIRST)], 1_000), SponsorUnconfirmed)


def test_nobody_builds_on_a_sponsors_output() -> None:
    order = operation(ORDER, [ANCHOR], [A], 1_000)
    refuse(pool_of(order), waiting([out(order, 1)]), OperationUnconfirmed)


def test_a_full_pool_keeps_the_best() -> None:
    cheap = [waiting([outpoint(n)], 1_000 + n) for n in range(20)]
    pool = pool_of(*cheap, max_weight=2_000)
    refuse(pool, waiting([A], 1_000, salt=b"x", extra=(b"",)), FeeNotHigher)
    refuse(pool, waiting([outpoint(99)], 1_000), PoolFull)
    assert pool.admit(waiting([outpoint(99)], 5_000)) == (cheap[0], cheap[1])
    assert pool.weight == 1_900
    refuse(pool, waiting([outpoint(98)], 1_001), FeeTooLow)
    # Once a block came, an emptier pool asks for less and less again.
    pool.age(HALF_LIFE)
    refuse(pool, waiting([outpoint(98)], 1_001), FeeTooLow)
    pool.connect([one.tx for one in cheap], HEIGHT + 1)
    pool.age(HALF_LIFE + 1)
    refuse(pool, waiting([outpoint(98)], 900), FeeTooLow)
    pool.age(HALF_LIFE * 5 // 4 + 1)
    refuse(pool, waiting([outpoint(98)], 400), FeeTooLow)
    pool.admit(waiting([outpoint(98)], 600))
    pool.age(HALF_LIFE * 9)
    assert pool.floor == 10


def test_eviction_takes_descendants() -> None:
    parent = waiting([A], 20)
    child = waiting([out(parent)], 20)
    others = [waiting([outpoint(n)], 3_000) for n in range(100, 118)]
    pool = pool_of(parent, *others, child, max_weight=2_000)
    assert pool.admit(waiting([B], 4_000)) == (parent, child)


def test_eviction_spares_a_parent_whose_child_pays() -> None:
    parent = waiting([A], 20)
    child = waiting([out(parent)], 50_000)
    others = [waiting([outpoint(n)], 3_000 + n) for n in range(100, 118)]
    pool = pool_of(parent, child, *others, max_weight=2_000)
    assert pool.admit(waiting([B], 4_000)) == (others[0], others[1])


def test_eviction_spares_whom_the_newcomer_builds_on() -> None:
    parent = waiting([A], 20)
    others = [waiting([outpoint(n)], 3_000 + n) for n in range(100, 119)]
    pool = pool_of(parent, *others, max_weight=2_000)
    assert pool.admit(waiting([out(parent)], 50_000)) == (others[0], others[1])
    assert parent.tx.id in pool


def test_a_block_takes_its_own_and_puts_out_conflicts() -> None:
    child, loser = waiting([out(FIRST)]), waiting([B])
    late, grandchild = waiting([C], until=HEIGHT), waiting([out(loser)])
    pool = pool_of(FIRST, child, loser, late, grandchild)
    rival = waiting([B, D])
    assert pool.connect([FIRST.tx, rival.tx], HEIGHT + 1) == (loser, late, grandchild)
    assert ids(pool) == [child.tx.id]
    assert pool.ancestors(child.tx.id) == set()
    assert pool.height == HEIGHT + 1


def test_undone_blocks_come_first_in_what_returns() -> None:
    child = waiting([out(FIRST)])
    pool = pool_of(child)
    assert pool.disconnect([FIRST.tx], HEIGHT - 1) == (FIRST.tx, child.tx)
    assert len(pool) == 0
    assert pool.weight == 0
    assert pool.height == HEIGHT - 1
    pool.admit(FIRST)
    pool.admit(child)


def test_drop_takes_descendants() -> None:
    child = waiting([out(FIRST)])
    pool = pool_of(FIRST, child)
    assert pool.drop(FIRST.tx.id) == (FIRST, child)
    assert pool.drop(FIRST.tx.id) == ()


def test_the_view_shows_new_coins_at_the_next_height() -> None:
    coins = {A: coin(ALICE, 50)}
    tx = signed(coins, body([A], [pay(BOB, 40)]), [ALICE])
    pool = Mempool(HEIGHT, min_rate=0)
    view: CoinView = pool.view(coins)
    applied = apply_transaction(view, tx, HEIGHT, NO_EFFECTS, RULES)
    pool.admit(candidate(tx, applied, NO_EFFECTS, BTM))
    made = Outpoint(tx.id, 0)
    assert view.get(made) == coin(BOB, 40, height=HEIGHT)
    assert view.get(A) == coins[A]
    assert view.get(Outpoint(tx.id, 1)) is None
    pool.connect([], HEIGHT + 3)
    # Its age is counted from the block that will hold it, not from when it was announced.
    assert view.get(made) == coin(BOB, 40, height=HEIGHT + 3)


def test_a_candidate_from_what_was_applied() -> None:
    tx = Transaction(body([A, B], [pay(BOB, 1)], window=(0, 90)), (NoWitness(), NoWitness()))
    checks = (SchnorrCheck(b"", b"", b""), BlsCheck(b"", b"", b""))
    applied = Applied(Delta({}, {}), checks, {BTM: 7})
    effects = Effects(inputs=frozenset({0}))
    made = candidate(tx, applied, effects, BTM, priority=ORDER, extra_weight=20_000, until=80)
    assert made.fee == 7
    assert made.weight == weight(tx, checks) + 20_000
    assert made.bls_checks == 1
    assert made.vault_inputs == {A}
    assert made.until == 80
    assert candidate(tx, applied, effects, BTM).until == 90


def test_who_lost_its_rich_child_is_the_next_to_leave() -> None:
    pool = Mempool(HEIGHT, 1_000, min_rate=10)
    parent = waiting([A], 50)
    child = waiting([out(parent)], 5_000)
    for one in (parent, child, *(waiting([outpoint(n)], 600) for n in range(20, 28))):
        pool.admit(one)
    assert len(pool.admit(waiting([outpoint(30)], 700))) == 2
    assert parent.tx.id in pool
    pool.drop(child.tx.id)
    for number in (31, 32):
        pool.admit(waiting([outpoint(number)], 700))
    assert pool.admit(waiting([outpoint(33)], 700))[0] == parent


def test_a_child_that_came_late_does_not_hide_its_poor_parent() -> None:
    pool = Mempool(HEIGHT, 1_000, min_rate=10)
    poor = [waiting([outpoint(n)], 100) for n in (10, 11)]
    parent = waiting([A], 300)
    for one in (*poor, parent, *(waiting([outpoint(n)], 600) for n in range(20, 27))):
        pool.admit(one)
    assert pool.admit(waiting([outpoint(30)], 700)) == tuple(poor)
    child = waiting([out(parent)], 500)
    pool.admit(child)
    assert pool.admit(waiting([outpoint(31)], 700)) == (parent, child)


def test_who_waits_too_long_leaves_with_those_who_build_on_it() -> None:
    pool = Mempool(HEIGHT, 10**6, min_rate=10, expiry=100)
    old, late = waiting([A], 50), waiting([B], 50)
    child, known = waiting([out(old)], 50), waiting([outpoint(9)], 50)
    pool.admit(old)
    assert pool.age(50) == ()
    for one in (late, child):
        pool.admit(one)
    pool.admit(known, since=20)
    assert pool.age(99) == ()
    assert pool.age(100) == (old, child)
    assert (pool.age(119), pool.age(120)) == ((), (known,))
    assert (pool.age(149), pool.age(150)) == ((), (late,))
