"""A list in the state behaves as a list, and costs the same however long it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.hashes import fixed
from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.modules.linked import Linked
from bystack.sidechain.state import SystemState
from tests.sidechain.world import Store

STEPS = st.lists(st.integers(1, 12), max_size=60)


def fresh() -> tuple[Linked, SystemState]:
    state = SystemState(Store())
    return Linked(PrefixedState(state, "m"), b"list/", 7), state


@given(STEPS)
def test_it_is_a_list(steps: list[int]) -> None:
    """Each number goes in at the end, or out where it is."""
    linked, state = fresh()
    model: list[bytes] = []
    for step in steps:
        element = fixed(step, 32)
        if element in model:
            model.remove(element)
            linked.remove(element)
        else:
            model.append(element)
            linked.append(element)
        assert list(linked.walk(100)) == model
        assert linked.first() == (model[0] if model else None)
    for number, element in enumerate(model):
        assert list(linked.walk(2, element)) == model[number + 1 : number + 3]
        assert linked.holds(element)
    for element in list(model):
        linked.remove(element)
    assert all(value is None for value in state.changes.values())


def test_a_long_list_is_touched_in_few_places() -> None:
    linked, state = fresh()
    for number in range(1, 500):
        linked.append(fixed(number, 32))
    for remove in (True, False):
        base = Store({key: value for key, value in state.changes.items() if value})
        touched = SystemState(base)
        same = Linked(PrefixedState(touched, "m"), b"list/", 7)
        if remove:
            same.remove(fixed(250, 32))
        else:
            same.append(fixed(900, 32))
        assert 0 < len(touched.changes) <= 4
    assert list(linked.walk(3)) == [fixed(number, 32) for number in (1, 2, 3)]


def test_two_lists_of_a_kind_do_not_meet() -> None:
    state = PrefixedState(SystemState(Store()), "m")
    one, two = Linked(state, b"list/", 1), Linked(state, b"list/", 2)
    one.append(fixed(1, 32))
    two.append(fixed(1, 32))
    one.remove(fixed(1, 32))
    assert one.first() is None and two.first() == fixed(1, 32)
