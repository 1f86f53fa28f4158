"""The sorted set of prices against Python's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.modules.exchange.prices import MAX_PRICE, Prices
from bystack.sidechain.state import SystemState
from tests.sidechain.world import Store

CLOSE = st.sampled_from([0, 1, 2, 255, 256, 257, 65_535, 65_536, 2**24, MAX_PRICE - 1, MAX_PRICE])
PRICE = st.one_of(CLOSE, st.integers(0, MAX_PRICE), st.integers(0, 700))


class Counted(Store):
    """Counts what is read."""

    reads = 0

    def get(self, key, default=None):  # type: ignore[no-untyped-def]
        self.reads += 1
        return super().get(key, default)


@given(st.lists(st.tuples(st.booleans(), PRICE), max_size=40), PRICE)
def test_it_is_a_sorted_set(steps: list[tuple[bool, int]], asked: int) -> None:
    state = SystemState(Store())
    prices, model = Prices(PrefixedState(state, "m"), b"price/", 0, 1), set[int]()
    for add, price in steps:
        (prices.add if add else prices.remove)(price)
        (model.add if add else model.discard)(price)
    assert prices.lowest() == min(model, default=None)
    assert prices.highest() == max(model, default=None)
    assert prices.lowest(asked) == min((p for p in model if p >= asked), default=None)
    assert prices.highest(asked) == max((p for p in model if p <= asked), default=None)
    for price in model:
        prices.remove(price)
    assert all(value is None for value in state.changes.values())


def test_many_prices_cost_no_more_than_few() -> None:
    state = SystemState(Store())
    prices = Prices(PrefixedState(state, "m"), b"price/")
    for price in range(1, 60_000, 37):
        prices.add(price * 7)
    store = Counted({key: value for key, value in state.changes.items() if value})
    prices = Prices(PrefixedState(SystemState(store), "m"), b"price/")
    assert prices.lowest(100_000) == min(p * 7 for p in range(1, 60_000, 37) if p * 7 >= 100_000)
    assert store.reads <= 8
    assert prices.lowest(MAX_PRICE + 1) is None and prices.highest(-1) is None
