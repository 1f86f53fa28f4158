"""V13: pin an anchor spend with a low-fee chain of sponsor children. Displaced.

The bound: whatever hangs on a waiting operation, its successor pays for its own weight only, and
nobody but operations hangs on one at all.
"""

import pytest

from bystack.ledger.contention import OperationUnconfirmed, SponsorUnconfirmed
from bystack.ledger.mempool import Mempool
from tests.ledger.people import outpoint
from tests.ledger.pools import GUARD, HEIGHT, ORDER, SWEEP, operation, out, waiting

ANCHOR, SPONSOR, OTHER = outpoint(50), outpoint(1), outpoint(2)


def pool() -> Mempool:
    return Mempool(HEIGHT, min_rate=1_000_000)


def test_nobody_hangs_children_on_a_sponsor() -> None:
    one = pool()
    order = operation(ORDER, [ANCHOR], [SPONSOR], 200)
    one.admit(order)
    with pytest.raises(OperationUnconfirmed):
        one.admit(waiting([out(order, 1)], 100))
    assert [each.tx.id for each in one] == [order.tx.id]


def test_a_sponsor_brings_no_chain_of_its_own() -> None:
    one = pool()
    parent = waiting([SPONSOR], 100, heavy=100)
    one.admit(parent)
    with pytest.raises(SponsorUnconfirmed):
        one.admit(operation(ORDER, [ANCHOR], [out(parent)], 10**6))


@pytest.mark.parametrize("kind", [ORDER, GUARD])
def test_a_line_of_rich_successors_does_not_pin_the_anchor(kind: int) -> None:
    one, line = pool(), [operation(ORDER, [ANCHOR], [SPONSOR], 200)]
    one.admit(line[0])
    for number in range(24):
        line.append(operation(ORDER, [out(line[-1])], [outpoint(100 + number)], 10**8))
        one.admit(line[-1])
    rescue = operation(GUARD if kind == GUARD else ORDER, [ANCHOR], [OTHER], 300)
    assert one.admit(rescue) == tuple(line)


def test_the_guard_needs_no_higher_fee_and_an_order_displaces_a_consolidation() -> None:
    one = pool()
    sweep, order = operation(SWEEP, [ANCHOR], [SPONSOR], 10**8), operation(ORDER, [ANCHOR], [], 200)
    guard = operation(GUARD, [ANCHOR], [OTHER], 100)
    one.admit(sweep)
    assert one.admit(order) == (sweep,)
    assert one.admit(guard) == (order,)
