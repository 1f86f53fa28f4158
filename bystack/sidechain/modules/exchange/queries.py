"""What anyone may ask the exchange: markets, books, orders, trades. Answers are plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from bystack.primitives.plain import to_plain
from bystack.sidechain.modules.asking import HexId, asked
from bystack.sidechain.modules.exchange.book import KEPT_TRADES, Book
from bystack.sidechain.modules.exchange.orders import (
    MAX_MARKETS,
    Market,
    MarketUnknown,
    OpenOrder,
    Side,
)

NAMES = ("listmarkets", "getorderbook", "getorder", "listorders", "listtrades")
MAX_DEPTH = 200
MAX_ORDERS = 500

Number = Annotated[int, Meta(ge=0, le=MAX_MARKETS)]
Depth = Annotated[int, Meta(ge=1, le=MAX_DEPTH)]
Owners = Annotated[list[HexId], Meta(max_length=1_000)]
Count = Annotated[int, Meta(ge=1, le=KEPT_TRADES)]


def answer(book: Book, name: str, params: Sequence[Any]) -> Mapping[str, Any] | None:
    """The answer to a query of this name, None where there is none of it; raises `QueryInvalid`."""
    match name:
        case "listmarkets":
            asked(tuple[()], params)
            return {"markets": [_market(n, one) for n, one in enumerate(book.config.markets)]}
        case "getorderbook":
            market, depth = asked(tuple[Number, Depth], params)
            return _orderbook(book, market, depth)
        case "getorder":
            (id,) = asked(tuple[HexId], params)
            return shown(bytes.fromhex(id), book.find(bytes.fromhex(id)))
        case "listorders":
            (owners,) = asked(tuple[Owners], params)
            return {"orders": _orders(book, owners)}
        case "listtrades":
            market, count = asked(tuple[Number, Count], params)
            _known(book, market)
            rows = book.trades(market, count)
            return {"trades": [{"number": n, **to_plain(trade)} for n, trade in rows]}
    return None


def shown(id: bytes, order: OpenOrder) -> dict[str, Any]:
    """An order of the book as plain data."""
    return {"order": id.hex(), **to_plain(order), "side": Side(order.side).name.lower()}


def _market(number: int, market: Market) -> dict[str, Any]:
    return {"market": number, **to_plain(market)}


def _known(book: Book, market: int) -> Market:
    markets = book.config.markets
    if market >= len(markets):
        raise MarketUnknown(market=market, markets=len(markets))
    return markets[market]


def _orderbook(book: Book, market: int, depth: int) -> dict[str, Any]:
    about = _market(market, _known(book, market))
    sides = {
        label: [
            {"price": price, "lots": level.lots, "orders": level.orders}
            for price, level in book.levels(market, side, depth)
        ]
        for label, side in (("bids", Side.BUY), ("asks", Side.SELL))
    }
    return {**about, **sides}


def _orders(book: Book, owners: Sequence[str]) -> list[dict[str, Any]]:
    """The owners' orders, at most `MAX_ORDERS` together."""
    found: list[dict[str, Any]] = []
    for owner in dict.fromkeys(owners):
        left = MAX_ORDERS - len(found)
        found += [shown(id, order) for id, order in book.of(bytes.fromhex(owner), left)]
    return found
