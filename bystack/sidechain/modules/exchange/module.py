"""The module `exchange`: place and cancel limit orders; each is matched in its own transaction.

An order is atomic: it takes what it may cost, meets the orders that wait, pays everyone and leaves
its rest in the book, or nothing of it happens. All it ever pays was taken from somebody before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bystack.ledger.effects import Effects
from bystack.primitives.codec import Wire, decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.approvals import approved_by
from bystack.sidechain.modules.base import (
    ActionContext,
    ActionUnknown,
    BlockContext,
    Ending,
    Event,
    Outcome,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.modules.exchange import queries
from bystack.sidechain.modules.exchange.book import MAX_CONFIG, Book
from bystack.sidechain.modules.exchange.matching import Arrival, Payments, give_back, sweep
from bystack.sidechain.modules.exchange.orders import (
    CancelOrder,
    ExchangeConfig,
    PlaceOrder,
    check_config,
    check_order,
    cost,
    order_id,
)

PLACE, CANCEL = 1, 2
MAX_BODY = 1_000


class NotOwner(Invalid):
    """Somebody else than the order's owner would take it out of the book."""


class ExchangeModule(Quiet):
    """Limit orders; the module named `exchange`."""

    name = "exchange"
    approved = frozenset((CANCEL,))
    queries: tuple[str, ...] = queries.NAMES

    def start(self, state: PrefixedState, config: bytes) -> None:
        """Keep the markets; raises `MarketInvalid`."""
        markets = decode(ExchangeConfig, config, MAX_CONFIG)
        check_config(markets)
        Book(state).begin(markets)

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """Place or cancel an order."""
        match decode_action(kind, context.action.body):
            case PlaceOrder() as order:
                return _place(Book(state), context, order)
            case CancelOrder() as cancel:
                return _cancel(Book(state), context, cancel)
        raise ActionUnknown(module=self.name, kind=kind)

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        """Orders whose time has passed are given back, fees go to the pool."""
        book = Book(state)
        paid, ended = sweep(book, block.height)
        told = tuple(Event("ended", {"order": id}) for id in ended)
        return Ending(paid, (), book.earnings(), told)

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """Markets, books, orders, trades; as `queries`."""
        return queries.answer(Book(state), name, params)


def decode_action(kind: int, body: bytes) -> Wire:
    """The action of a kind; raises `ActionUnknown` and the codec's errors."""
    kinds: dict[int, type[Wire]] = {PLACE: PlaceOrder, CANCEL: CancelOrder}
    if kind not in kinds:
        raise ActionUnknown(module=ExchangeModule.name, kind=kind)
    return decode(kinds[kind], body, MAX_BODY)


def _place(book: Book, context: ActionContext, order: PlaceOrder) -> Outcome:
    market = check_order(book.config, order, context.block.height)
    id = order_id(context.block.chain, context.transaction, context.position)
    asset, amount = cost(market, order.side, order.price, order.lots)
    placed = Arrival(book, market, id, order, context.block).place()
    told = [Event("order", {"order": id, "market": order.market, "resting": placed.resting})]
    for trade in placed.trades:
        facts = {"market": order.market, "price": trade.price, "lots": trade.lots}
        told.append(Event("trade", {**facts, "maker": trade.maker, "taker": trade.taker}))
    effects = Effects(destroyed={asset: amount})
    return Outcome(effects, payments=placed.payments, events=tuple(told))


def _cancel(book: Book, context: ActionContext, cancel: CancelOrder) -> Outcome:
    checks = approved_by(context, cancel.owner)
    order = book.find(cancel.order)
    if order.owner != cancel.owner:
        raise NotOwner(order=cancel.order, owner=order.owner)
    paid = Payments()
    give_back(book, cancel.order, order, paid)
    told = Event("cancelled", {"order": cancel.order, "lots": order.left})
    return Outcome(Effects(checks=checks), payments=paid.all(), events=(told,))
