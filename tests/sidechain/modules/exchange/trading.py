"""A market of two assets, and orders for it."""

from __future__ import annotations

from bystack.ledger.amounts import BTM
from bystack.sidechain.modules.base import Outcome
from bystack.sidechain.modules.exchange.module import CANCEL, PLACE, ExchangeModule
from bystack.sidechain.modules.exchange.orders import (
    CancelOrder,
    ExchangeConfig,
    Market,
    PlaceOrder,
    Side,
    Terms,
    order_id,
)
from tests.ledger.people import GOLD, Person
from tests.sidechain.modules.desk import CHAIN, Desk, root_of

BUY, SELL = Side.BUY, Side.SELL
LIFETIME = 1_000
FREE = Market(BTM, GOLD, 10, 3, 1, 1, 0, 0)
DEAR = Market(BTM, GOLD, 10, 4, 2, 2, 15, 40)


def config(*markets: Market) -> ExchangeConfig:
    return ExchangeConfig(markets or (FREE,), LIFETIME)


def desk(*markets: Market) -> Desk:
    return Desk(ExchangeModule(), config(*markets))


def order(
    side: Side,
    price: int,
    lots: int,
    owner: Person,
    expires: int = 900,
    terms: int = Terms.REST,
    market: int = 0,
) -> PlaceOrder:
    return PlaceOrder(market, int(side), price, lots, root_of(owner), expires, int(terms))


def place(on: Desk, made: PlaceOrder) -> tuple[bytes, Outcome]:
    """Place an order; its id, and what came of it."""
    outcome = on.act(PLACE, made)
    return order_id(CHAIN, on.number.to_bytes(32, "big"), 0), outcome


def cancel(on: Desk, id: bytes, owner: Person) -> Outcome:
    return on.act(CANCEL, CancelOrder(root_of(owner), id), owner)


def orderbook(on: Desk, market: int = 0) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Bids and asks, best first: price and lots."""
    book = on.module.query(on.state, "getorderbook", [market, 200])
    assert book is not None
    bids, asks = ([(row["price"], row["lots"]) for row in book[side]] for side in ("bids", "asks"))
    return bids, asks
