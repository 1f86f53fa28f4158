"""Lowest first, whatever changed meanwhile; and what is out of date takes bounded room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.ledger import lowest
from bystack.ledger.lowest import SLACK, Lowest

A, B, C = b"a", b"b", b"c"

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("put", "put", "leave", "take", "below")),
        st.sampled_from([bytes([number]) for number in range(8)]),
        st.integers(0, 9),
    ),
    max_size=60,
)


def test_a_changed_number_counts_and_the_old_one_does_not() -> None:
    numbers = {A: 1, B: 3}
    heap = Lowest(numbers.get)
    for id in (A, B):
        heap.put(numbers[id], id)
    numbers[A] = 5
    heap.put(5, A)
    assert [heap.take(), heap.take(), heap.take()] == [(3, B), (5, A), None]


@given(STEPS, st.integers(0, 3))
def test_as_a_plain_search(steps: list[tuple[str, bytes, int]], slack: int) -> None:
    """`inside` are the ids not taken out, with their numbers."""
    inside: dict[bytes, int] = {}
    heap = Lowest(inside.get)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lowest, "SLACK", slack)
        heap = Lowest(inside.get)
        for what, id, number in steps:
            if what == "put":
                inside[id] = number
                heap.put(number, id)
            elif what == "leave":
                inside.pop(id, None)
            elif what == "take":
                found = heap.take()
                expected = min(((n, one) for one, n in inside.items()), default=None)
                assert found == expected
                if found is not None:
                    del inside[found[1]]
            else:
                under = sorted((n, one) for one, n in inside.items() if n < number)
                assert list(dict.fromkeys(heap.below(number))) == [one for _, one in under]
                for _, one in under:
                    del inside[one]
            assert len(heap) <= 2 * 8 + slack + 1


def test_what_changes_for_ever_takes_bounded_room_and_is_swept_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = {bytes([at // 256, at % 256]): 0 for at in range(3 * SLACK)}
    heap, sweeps, sweep = Lowest(numbers.get), list[int](), lowest.heapify
    monkeypatch.setattr(lowest, "heapify", lambda heap: (sweeps.append(len(heap)), sweep(heap)))
    for number in range(12):
        for id in numbers:
            numbers[id] = number
            heap.put(number, id)
            assert len(heap) <= 2 * len(numbers) + SLACK + 1
    assert len(sweeps) <= 15  # each after as many came as were left
    assert len(heap.below(12)) == len(numbers)
