"""What is traded and by which numbers: markets, orders, trades, and the actions about them.

Amounts are whole lots and prices whole ticks, so that a trade's value is exact: `lots` × lot of the
base asset against `price` × `lots` × tick of the quote asset. Only a fee is ever rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import MAX_INT, U8, U16, U32, U63, Bit, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged

MAX_MARKETS = 64
MAX_FEE_BP = 1_000
MAX_LIFETIME = 10**8

_order_id = tagged("exchange/order")


class MarketInvalid(Invalid):
    """A market trades one asset for another, in lots and ticks that are whole units."""


class MarketUnknown(Invalid):
    """The exchange has no market of this number."""


class OrderInvalid(Invalid):
    """An order names a price, an amount, an owner and a kind of the exchange."""


class OrderTooLarge(Invalid):
    """The order's value is beyond the amounts a chain can hold."""


class OrderLifetime(Invalid):
    """An order ends at a height from this block's on, and not later than its market allows."""


class Side(IntEnum):
    """Whether the base asset is wanted or offered."""

    BUY = 0
    SELL = 1


class Terms(IntEnum):
    """What becomes of the part of an order that finds no match when it arrives.

    REST: it waits in the book. NOW: it is given back. ALL: then the order is refused. MAKE: the
    order is refused if any of it would match at once.
    """

    REST = 0
    NOW = 1
    ALL = 2
    MAKE = 3


class Market(Wire):
    """Two assets: `base` is traded in multiples of `lot`, `quote` paid in multiples of `tick`.

    `base_unit`, `quote_unit`: what amounts of the asset are multiples of on this chain. `maker_bp`,
    `taker_bp`: fees in basis points of what whoever waited, and whoever came, is paid.
    """

    base: Bytes32
    quote: Bytes32
    lot: U63
    tick: U63
    base_unit: U63
    quote_unit: U63
    maker_bp: U16
    taker_bp: U16


class ExchangeConfig(Wire):
    """The module's genesis: its markets, and for how many blocks an order may wait."""

    markets: Annotated[tuple[Market, ...], Meta(min_length=1, max_length=MAX_MARKETS)]
    lifetime: U32


class PlaceOrder(Wire):
    """Buy or sell `lots` for `price` ticks each or better, until the block at height `expires`.

    The transaction gives up what the order may cost; `owner`, a policy root, is paid.
    """

    market: U16
    side: Bit
    price: U32
    lots: U63
    owner: Bytes32
    expires: U63
    terms: U8


class CancelOrder(Wire):
    """Take an order out of the book; approved by its owner."""

    owner: Bytes32
    order: Bytes32


class OpenOrder(Wire):
    """An order in the book: what is left of `lots`, and the height at which it was placed."""

    market: U16
    side: Bit
    price: U32
    lots: U63
    left: U63
    owner: Bytes32
    expires: U63
    height: U63


class Trade(Wire):
    """One match: at the price of the order that waited. `side` is that of the order that came."""

    height: U63
    time: U63
    side: Bit
    price: U32
    lots: U63
    maker: Bytes32
    taker: Bytes32


class Level(Wire):
    """All orders of one price: how many, and how many lots they have left together."""

    orders: U63
    lots: U63


def order_id(chain: bytes, transaction: bytes, position: int) -> bytes:
    """The id of the order that the action at `position` of a transaction places."""
    return _order_id(chain, transaction, fixed(position, 4))


def check_market(market: Market) -> None:
    """Raise `MarketInvalid` for a market in which nothing could be traded, or not exactly."""
    if market.base == market.quote:
        raise MarketInvalid(base=market.base, quote=market.quote)
    for size, unit in ((market.lot, market.base_unit), (market.tick, market.quote_unit)):
        if not unit or not size or size % unit:
            raise MarketInvalid(size=size, unit=unit)
    if max(market.maker_bp, market.taker_bp) > MAX_FEE_BP:
        raise MarketInvalid(fees=[market.maker_bp, market.taker_bp], most=MAX_FEE_BP)


def check_config(config: ExchangeConfig) -> None:
    """Raise `MarketInvalid` for a bad market, one given twice, or a lifetime of nothing."""
    for market in config.markets:
        check_market(market)
    if len({(market.base, market.quote) for market in config.markets}) < len(config.markets):
        raise MarketInvalid(reason="two markets of the same assets")
    if not 0 < config.lifetime <= MAX_LIFETIME:
        raise MarketInvalid(lifetime=config.lifetime, most=MAX_LIFETIME)


def check_assets(config: ExchangeConfig, units: Mapping[bytes, int]) -> None:
    """Raise `MarketInvalid` for a market of assets the chain has not, or in other units than its.

    `units`: of every asset of the chain, what its amounts are multiples of.
    """
    for market in config.markets:
        for asset, unit in ((market.base, market.base_unit), (market.quote, market.quote_unit)):
            if units.get(asset) != unit:
                raise MarketInvalid(asset=asset, unit=unit, expected=units.get(asset, "no asset"))


def check_order(config: ExchangeConfig, order: PlaceOrder, height: int) -> Market:
    """The market of an order in a block at `height`; raises an error of this file."""
    if order.market >= len(config.markets):
        raise MarketUnknown(market=order.market, markets=len(config.markets))
    if not order.price or not order.lots or order.owner == bytes(32) or order.terms > Terms.MAKE:
        raise OrderInvalid(price=order.price, lots=order.lots, terms=order.terms)
    if not height <= order.expires <= height + config.lifetime:
        raise OrderLifetime(expires=order.expires, height=height, most=height + config.lifetime)
    market = config.markets[order.market]
    if max(market.lot, order.price * market.tick) * order.lots > MAX_INT:
        raise OrderTooLarge(lots=order.lots, price=order.price)
    return market


def cost(market: Market, side: int, price: int, lots: int) -> tuple[bytes, int]:
    """Asset and amount that an order of so many lots gives up."""
    if side == Side.BUY:
        return market.quote, price * lots * market.tick
    return market.base, lots * market.lot


def fee_of(amount: int, points: int, unit: int) -> int:
    """⌊amount × points / 10⁴⌋ rounded down to the unit: what the rounding leaves is the payee's."""
    fee = amount * points // 10_000
    return fee - fee % unit
