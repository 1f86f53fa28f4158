"""M03: transactions that hang together in great numbers, so that admitting, displacing or choosing
one means walking through all.

The bound: 25 in a line and 25 in a family, whoever joins them; and a newcomer with a hundred
parents is refused before anybody walks through their families.
"""

from __future__ import annotations

import pytest

from bystack.ledger.contention import MAX_RELATIVES, TooManyAncestors, TooManyDescendants
from bystack.ledger.mempool import Mempool
from bystack.ledger.template import select
from tests.ledger.people import outpoint
from tests.ledger.pools import HEIGHT, out, waiting


def pool() -> Mempool:
    return Mempool(HEIGHT, min_rate=10)


def test_a_wide_bomb() -> None:
    one, root = pool(), waiting([outpoint(1)], outputs=200)
    one.admit(root)
    for index in range(200):
        if index < MAX_RELATIVES - 1:
            one.admit(waiting([out(root, index)]))
            continue
        with pytest.raises(TooManyDescendants):
            one.admit(waiting([out(root, index)]))
    assert len(one) == MAX_RELATIVES


def test_a_tree_that_doubles() -> None:
    """A million grandchildren need twenty-five relatives each."""
    one, level = pool(), [waiting([outpoint(1)])]
    one.admit(level[0])
    refused = 0
    for _ in range(6):
        fresh = []
        for parent in level:
            for index in range(2):
                child = waiting([out(parent, index)])
                try:
                    one.admit(child)
                    fresh.append(child)
                except TooManyDescendants:
                    refused += 1
        level = fresh
    assert len(one) == MAX_RELATIVES
    assert refused


def test_two_families_are_not_joined_into_one_beyond_the_bound() -> None:
    one = pool()
    tips = []
    for start in (1, 2):
        tip = waiting([outpoint(start)])
        one.admit(tip)
        for _ in range(12):
            tip = waiting([out(tip)])
            one.admit(tip)
        tips.append(tip)
    with pytest.raises(TooManyAncestors):
        one.admit(waiting([out(tip) for tip in tips]))


def test_hundreds_of_parents_are_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    one = pool()
    parents = [waiting([outpoint(number)]) for number in range(300)]
    for parent in parents:
        one.admit(parent)
    monkeypatch.setattr(one._waiting, "ancestors", None)  # nobody may ask
    with pytest.raises(TooManyAncestors):
        one.admit(waiting([out(parent) for parent in parents]))


def test_a_template_of_full_families_takes_each_whole_or_in_order() -> None:
    one = pool()
    for start in range(20):
        tip = waiting([outpoint(start)], 1_000 + start)
        one.admit(tip)
        for number in range(MAX_RELATIVES - 1):
            tip = waiting([out(tip)], 500 + 100 * number)
            one.admit(tip)
    done: set[bytes] = set()
    for candidate in select(one, 100 * 300):
        assert one.ancestors(candidate.tx.id) <= done
        done.add(candidate.tx.id)
    assert len(done) == 300
