"""The order book of the exchange, as it lies in the module's state.

Per market and side the prices that have orders, per price its orders in the order of their coming;
beside them every owner's orders, and those that end with a height. Each change touches a bounded
number of entries. What orders gave up is among the module's holdings; it is not counted here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from bystack.primitives.codec import U63, Bytes32, Wire, decode, encode
from bystack.primitives.errors import Invalid, Misuse
from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.modules.exchange.orders import (
    ExchangeConfig,
    Level,
    Market,
    OpenOrder,
    Side,
    Trade,
)
from bystack.sidechain.modules.exchange.prices import Prices
from bystack.sidechain.modules.linked import Linked

MAX_CONFIG = 500_000
MAX_ENTRY = 10_000
KEPT_TRADES = 100
"""Of each market the last so many trades stay in the state."""

W = TypeVar("W", bound=Wire)


class OrderUnknown(Invalid):
    """No order with this id waits in the book."""


class Earned(Wire):
    """Fees of one asset taken in this block and not yet given to the fee pool."""

    asset: Bytes32
    amount: U63


class Book:
    """The module's state, typed."""

    def __init__(self, state: PrefixedState) -> None:
        self._state = state

    @property
    def config(self) -> ExchangeConfig:
        """The markets."""
        return decode(ExchangeConfig, self._state.get(b"config") or b"", MAX_CONFIG)

    def begin(self, config: ExchangeConfig) -> None:
        """Keep the markets; the books are empty."""
        self._state.put(encode(config), b"config")

    def market(self, number: int) -> Market:
        """The market of an order in the book."""
        return self.config.markets[number]

    # -- orders

    def find(self, id: bytes) -> OpenOrder:
        """An order that waits; raises `OrderUnknown`."""
        found = self._read(OpenOrder, b"order/", id)
        if found is None:
            raise OrderUnknown(order=id)
        return found

    def rest(self, id: bytes, order: OpenOrder) -> None:
        """An order begins to wait, behind the others of its price."""
        self._write(order, b"order/", id)
        self._queue(order).append(id)
        self._owned(order.owner).append(id)
        self._ending(order.expires).append(id)
        self._weigh(order, orders=1, lots=order.left)

    def fill(self, id: bytes, order: OpenOrder, lots: int) -> None:
        """Some lots of a waiting order are traded; with the last of them it leaves."""
        if lots == order.left:
            return self.remove(id, order)
        left = msgspec.structs.replace(order, left=order.left - lots)
        self._write(left, b"order/", id)
        self._weigh(order, orders=0, lots=-lots)

    def remove(self, id: bytes, order: OpenOrder) -> None:
        """A waiting order leaves the book."""
        self._state.put(None, b"order/", id)
        self._queue(order).remove(id)
        self._owned(order.owner).remove(id)
        self._ending(order.expires).remove(id)
        self._weigh(order, orders=-1, lots=-order.left)

    # -- what waits where

    def best(self, market: int, side: int) -> int | None:
        """The price of the side's next order to be matched: highest bid, lowest offer."""
        prices = self._prices(market, side)
        return prices.highest() if side == Side.BUY else prices.lowest()

    def next(self, market: int, side: int, price: int) -> bytes:
        """The order that has waited longest at a price that has orders."""
        first = Linked(self._state, b"queue/", market, side, price).first()
        if first is None:
            raise Misuse(f"no orders at price {price} of market {market}")
        return first

    def levels(self, market: int, side: int, most: int) -> Iterator[tuple[int, Level]]:
        """At most `most` prices from the best on, and what waits there."""
        prices, price = self._prices(market, side), self.best(market, side)
        while price is not None and most > 0:
            yield price, self._level(market, side, price)
            price = prices.highest(price - 1) if side == Side.BUY else prices.lowest(price + 1)
            most -= 1

    def of(self, owner: bytes, most: int) -> Iterator[tuple[bytes, OpenOrder]]:
        """An owner's orders, the oldest first."""
        for id in self._owned(owner).walk(most):
            yield id, self.find(id)

    def ended(self, height: int) -> bytes | None:
        """An order whose last height is this one or lies before it; the oldest height first."""
        at = self._number(b"swept")
        while at <= height:
            first = self._ending(at).first()
            if first is not None:
                return first
            at += 1
            self._state.put(encode(at), b"swept")
        return None

    # -- fees and trades

    def met(self, height: int) -> int:
        """How many waiting orders were met so far in the block of this height."""
        data = self._state.get(b"met")
        at, count = (0, 0) if data is None else decode(tuple[int, int], data, 32)
        return count if at == height else 0

    def meets(self, height: int, count: int) -> None:
        """So many were met by now."""
        self._state.put(encode((height, count)), b"met")

    def earn(self, asset: bytes, amount: int) -> None:
        """A fee was kept back from a payment."""
        if amount:
            before = {one.asset: one.amount for one in self._earned()}
            before[asset] = before.get(asset, 0) + amount
            rows = tuple(Earned(*one) for one in sorted(before.items()))
            self._state.put(encode(rows), b"earned")

    def earnings(self) -> dict[bytes, int]:
        """The fees kept back since this was asked last."""
        rows = self._earned()
        if rows:
            self._state.put(None, b"earned")
        return {one.asset: one.amount for one in rows}

    def _earned(self) -> tuple[Earned, ...]:
        data = self._state.get(b"earned")
        return () if data is None else decode(tuple[Earned, ...], data, MAX_ENTRY)

    def traded(self, market: int, trade: Trade) -> None:
        """Keep a trade, in the place of one long ago."""
        number = self._number(b"trades/", market)
        self._write(trade, b"trade/", market, number % KEPT_TRADES)
        self._state.put(encode(number + 1), b"trades/", market)

    def trades(self, market: int, most: int) -> Iterator[tuple[int, Trade]]:
        """The last trades of a market with their numbers, the newest first."""
        number = self._number(b"trades/", market)
        for one in range(number - 1, max(-1, number - 1 - min(most, KEPT_TRADES)), -1):
            trade = self._read(Trade, b"trade/", market, one % KEPT_TRADES)
            if trade is not None:
                yield one, trade

    # -- entries

    def _queue(self, order: OpenOrder) -> Linked:
        return Linked(self._state, b"queue/", order.market, order.side, order.price)

    def _owned(self, owner: bytes) -> Linked:
        return Linked(self._state, b"owned/", owner)

    def _ending(self, height: int) -> Linked:
        return Linked(self._state, b"ending/", height)

    def _prices(self, market: int, side: int) -> Prices:
        return Prices(self._state, b"price/", market, side)

    def _level(self, market: int, side: int, price: int) -> Level:
        return self._read(Level, b"level/", market, side, price) or Level(0, 0)

    def _weigh(self, order: OpenOrder, *, orders: int, lots: int) -> None:
        """Keep what waits at a price, and the price among the others while anything does."""
        place = (order.market, order.side, order.price)
        before = self._level(*place)
        after = Level(before.orders + orders, before.lots + lots)
        if not before.orders:
            self._prices(order.market, order.side).add(order.price)
        if not after.orders:
            self._prices(order.market, order.side).remove(order.price)
            return self._state.put(None, b"level/", *place)
        self._write(after, b"level/", *place)

    def _number(self, *key: bytes | int) -> int:
        data = self._state.get(*key)
        return 0 if data is None else decode(int, data, 16)

    def _read(self, kind: type[W], *key: bytes | int) -> W | None:
        data = self._state.get(*key)
        return None if data is None else decode(kind, data, MAX_ENTRY)

    def _write(self, value: Wire, *key: bytes | int) -> None:
        self._state.put(encode(value), *key)
