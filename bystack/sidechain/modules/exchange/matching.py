"""How an order meets those that wait: best price first, then who came first (price-time priority).

A trade is made at the price of the order that waited; what the one that came saves by it is given
back. One order meets at most `MAX_MEETINGS` others, all of a block `MAX_BUSY`: what is left of it
then is given back too, so that no block works without end and no book is left crossed. Whoever
meets an order of their own takes it out of the book, and an order whose time has passed leaves the
same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import BlockContext, Payment
from bystack.sidechain.modules.exchange.book import Book
from bystack.sidechain.modules.exchange.orders import (
    Market,
    OpenOrder,
    PlaceOrder,
    Side,
    Terms,
    Trade,
    cost,
    fee_of,
)

MAX_MEETINGS = 32
MAX_BUSY = 4_000
"""In one block all orders together meet so many; those that come then meet nobody in it."""
MAX_ENDED = 64
"""In one block at most so many orders are given back because their time has passed."""


class OrderCrosses(Invalid):
    """The order was only to wait, and some of it would match at once."""


class OrderUnfilled(Invalid):
    """The order was to be matched whole or not at all, and is not matched whole."""


class Payments:
    """What is paid to whom: one payment for all of an asset that goes to one owner."""

    def __init__(self) -> None:
        self._sums: dict[tuple[bytes, bytes], int] = {}

    def add(self, owner: bytes, asset: bytes, amount: int) -> None:
        """Pay some more; nothing for an amount of 0."""
        if amount:
            self._sums[owner, asset] = self._sums.get((owner, asset), 0) + amount

    def all(self) -> tuple[Payment, ...]:
        """The payments, in the order in which they began."""
        return tuple(Payment(asset, amount, owner) for (owner, asset), amount in self._sums.items())


class Placed(NamedTuple):
    """What became of an order: payments, trades with whom it met, lots that wait in the book."""

    payments: tuple[Payment, ...]
    trades: tuple[Trade, ...]
    resting: int


class Arrival:
    """An order that arrives at a book."""

    def __init__(
        self, book: Book, market: Market, id: bytes, order: PlaceOrder, block: BlockContext
    ) -> None:
        self._book, self._market, self._id = book, market, id
        self._order, self._block = order, block
        self._left, self._paid = order.lots, Payments()
        self._trades: list[Trade] = []

    def place(self) -> Placed:
        """Match it, and let the rest wait or give it back; raises `OrderCrosses`, `OrderUnfilled`.

        What it may cost at most was taken before.
        """
        if self._order.terms == Terms.MAKE and self._crossing() is not None:
            raise OrderCrosses(price=self._order.price, best=self._crossing())
        for price, id in self._meetings():
            self._meet(price, id)
        if self._order.terms == Terms.ALL and self._left:
            raise OrderUnfilled(lots=self._order.lots, left=self._left)
        waits = self._order.terms in (Terms.REST, Terms.MAKE) and self._crossing() is None
        resting = self._left if waits else 0
        if resting:
            self._book.rest(self._id, _open(self._order, resting, self._block.height))
        self._give_back(self._order.owner, self._order.price, self._left - resting)
        return Placed(self._paid.all(), tuple(self._trades), resting)

    def _crossing(self) -> int | None:
        """The other side's best price, if this order takes it."""
        best = self._book.best(self._order.market, 1 - self._order.side)
        if best is None:
            return None
        reaches = best <= self._order.price if self._buys else best >= self._order.price
        return best if reaches else None

    def _meetings(self) -> Iterator[tuple[int, bytes]]:
        height = self._block.height
        met = self._book.met(height)
        for number in range(1, min(MAX_MEETINGS, MAX_BUSY - met) + 1):
            price = self._crossing()
            if price is None or not self._left:
                return
            self._book.meets(height, met + number)
            yield price, self._book.next(self._order.market, 1 - self._order.side, price)

    @property
    def _buys(self) -> bool:
        return self._order.side == Side.BUY

    def _meet(self, price: int, id: bytes) -> None:
        other = self._book.find(id)
        if other.expires < self._block.height or other.owner == self._order.owner:
            give_back(self._book, id, other, self._paid)
            return
        lots = min(self._left, other.left)
        self._book.fill(id, other, lots)
        self._left -= lots
        self._pay(other, price, lots)
        block, side = self._block, self._order.side
        trade = Trade(block.height, block.time, side, price, lots, id, self._id)
        self._book.traded(self._order.market, trade)
        self._trades.append(trade)

    def _pay(self, other: OpenOrder, price: int, lots: int) -> None:
        """Each gets what the other gave up, less the fee; the buyer what a better price saves."""
        market = self._market
        goods = (market.base, lots * market.lot, market.base_unit)
        money = (market.quote, price * lots * market.tick, market.quote_unit)
        mine, theirs = (goods, money) if self._buys else (money, goods)
        self._settle(self._order.owner, mine, market.taker_bp)
        self._settle(other.owner, theirs, market.maker_bp)
        if self._buys:
            saved = (self._order.price - price) * lots * market.tick
            self._paid.add(self._order.owner, market.quote, saved)

    def _settle(self, owner: bytes, got: tuple[bytes, int, int], points: int) -> None:
        asset, amount, unit = got
        fee = fee_of(amount, points, unit)
        self._paid.add(owner, asset, amount - fee)
        self._book.earn(asset, fee)

    def _give_back(self, owner: bytes, price: int, lots: int) -> None:
        self._paid.add(owner, *cost(self._market, self._order.side, price, lots))


def give_back(book: Book, id: bytes, order: OpenOrder, paid: Payments) -> None:
    """Take an order out of the book and pay its owner what is left of what it gave up."""
    book.remove(id, order)
    market = book.market(order.market)
    paid.add(order.owner, *cost(market, order.side, order.price, order.left))


def sweep(book: Book, height: int) -> tuple[tuple[Payment, ...], tuple[bytes, ...]]:
    """Give back orders that end with this height or ended before, the oldest first.

    What is paid for them, and which they were.
    """
    paid, ended = Payments(), list[bytes]()
    while len(ended) < MAX_ENDED and (id := book.ended(height)) is not None:
        give_back(book, id, book.find(id), paid)
        ended.append(id)
    return paid.all(), tuple(ended)


def _open(order: PlaceOrder, left: int, height: int) -> OpenOrder:
    return OpenOrder(
        market=order.market,
        side=order.side,
        price=order.price,
        lots=order.lots,
        left=left,
        owner=order.owner,
        expires=order.expires,
        height=height,
    )
