"""The exchange's bytes, and its ids."""

from __future__ import annotations

import pytest

from bystack.primitives.codec import Wire
from bystack.sidechain.modules.exchange.book import Earned
from bystack.sidechain.modules.exchange.orders import (
    CancelOrder,
    ExchangeConfig,
    Level,
    Market,
    OpenOrder,
    PlaceOrder,
    Trade,
    fee_of,
    order_id,
)
from tests.wire import check_wire

ONE, TWO = b"\x01" * 32, b"\x02" * 32
MARKET = Market(ONE, TWO, 1_000, 10, 100, 5, 10, 25)

VALUES: dict[str, Wire] = {
    "config": ExchangeConfig((MARKET,), 100_000),
    "place_order": PlaceOrder(3, 1, 70_000, 2**40, ONE, 900, 2),
    "cancel_order": CancelOrder(ONE, TWO),
    "open_order": OpenOrder(3, 1, 70_000, 2**40, 5, ONE, 900, 17),
    "trade": Trade(17, 1_700_000_000_000, 1, 70_000, 12, ONE, TWO),
    "level": Level(2, 300),
    "earned": Earned(ONE, 77),
}


@pytest.mark.parametrize("name", VALUES)
def test_bytes(name: str) -> None:
    check_wire(f"exchange_{name}", VALUES[name])


def test_ids_are_of_chain_transaction_and_place() -> None:
    ids = {order_id(*one) for one in ((ONE, TWO, 0), (TWO, TWO, 0), (ONE, ONE, 0), (ONE, TWO, 1))}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("amount", "points", "unit", "fee"),
    [(9_999, 1, 1, 0), (10_000, 1, 1, 1), (10_000, 30, 7, 28), (5, 1_000, 1, 0), (10, 0, 1, 0)],
)
def test_fees_are_rounded_down_to_the_unit(amount: int, points: int, unit: int, fee: int) -> None:
    assert fee_of(amount, points, unit) == fee
