"""Markets, prices and amounts as people write them: `GOLD/BTM`, decimal, in whole coins.

A price is quote per one whole base coin. Inside, prices are ticks and amounts lots; what is no
whole number of those is refused with the step that would be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from bystack.node import amounts_text
from bystack.node.amounts_text import Given, Shown
from bystack.node.ipc import RemoteError
from bystack.node.rpc import BAD_PARAMETER, WRONG_TYPE
from bystack.primitives.codec import decode
from bystack.sidechain.modules.exchange.module import ExchangeModule
from bystack.sidechain.modules.exchange.orders import ExchangeConfig, Market, Side, Terms
from bystack.sidechain.modules.exchange.prices import MAX_PRICE
from bystack.sidechain.params import Asset, Genesis

MAX_CONFIG = 500_000
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_PRICE = re.compile(r"[0-9]{1,20}(\.[0-9]{1,30})?")
TERMS = {"rest": Terms.REST, "now": Terms.NOW, "all": Terms.ALL, "make": Terms.MAKE}


class Pair(NamedTuple):
    """A market with what its assets are called."""

    number: int
    market: Market
    base: Asset
    quote: Asset

    @property
    def name(self) -> str:
        """Base and quote asset."""
        return f"{self.base.name}/{self.quote.name}"

    @property
    def _tick(self) -> Fraction:
        """What one tick is as a price."""
        tick, lot = self.market.tick, self.market.lot
        return Fraction(tick, 10**self.quote.decimals) / Fraction(lot, 10**self.base.decimals)

    def lots(self, amount: Given) -> int:
        """An amount of the base asset; raises `RemoteError` (-3, -8)."""
        units = amounts_text.read(amount, self.base.decimals)
        if not units or units % self.market.lot:
            step = amounts_text.show(self.market.lot, self.base.decimals)
            raise RemoteError(BAD_PARAMETER, f"{self.name} is traded in steps of {step}")
        return units // self.market.lot

    def ticks(self, price: Given) -> int:
        """A price; raises `RemoteError` (-3, -8)."""
        exact = _read(price) / self._tick
        if not exact or exact.denominator != 1:
            text = f"prices of {self.name} are in steps of {_decimal(self._tick)}"
            raise RemoteError(BAD_PARAMETER, text)
        if exact > MAX_PRICE:
            text = f"a price of {self.name} is at most {self.price(MAX_PRICE)}"
            raise RemoteError(BAD_PARAMETER, text)
        return int(exact)

    def price(self, ticks: int) -> str:
        """A price as decimal text, exact where it ends, else to 18 decimals."""
        return _decimal(ticks * self._tick)

    def amount(self, lots: int) -> Shown:
        """An amount of the base asset."""
        return amounts_text.show(lots * self.market.lot, self.base.decimals)

    def form(self) -> dict[str, Any]:
        """The market for people."""
        step = amounts_text.show(self.market.lot, self.base.decimals)
        fees = {"maker_bp": self.market.maker_bp, "taker_bp": self.market.taker_bp}
        about = {"market": self.number, "name": self.name, "amount_step": step}
        return {**about, "price_step": _decimal(self._tick), **fees}

    def order(self, row: dict[str, Any]) -> dict[str, Any]:
        """An order for people: what the module says, amounts and price beside it."""
        price, amount = self.price(row["price"]), self.amount(row["left"])
        about = {"order": row["order"], "market": self.name, "side": row["side"]}
        rest = {"of": self.amount(row["lots"]), "owner": row["owner"]}
        heights = {"height": row["height"], "expires": row["expires"]}
        return {**about, "price": price, "amount": amount, **rest, **heights}


def pairs(genesis: Genesis) -> Sequence[Pair]:
    """The markets of a sidechain; none where it has no exchange."""
    for module in genesis.modules:
        if module.name == ExchangeModule.name:
            config = decode(ExchangeConfig, module.config, MAX_CONFIG)
            return [
                Pair(number, one, genesis.by_asset[one.base], genesis.by_asset[one.quote])
                for number, one in enumerate(config.markets)
            ]
    return ()


def lifetime(genesis: Genesis) -> int:
    """For how many blocks an order may wait at most; 0 where there is no exchange."""
    for module in genesis.modules:
        if module.name == ExchangeModule.name:
            return decode(ExchangeConfig, module.config, MAX_CONFIG).lifetime
    return 0


def pair_named(genesis: Genesis, text: str) -> Pair:
    """The market of this name (`GOLD/BTM`) or number; raises `RemoteError` (-8)."""
    every = pairs(genesis)
    found = [one for one in every if text in (one.name, str(one.number))]
    if len(found) != 1:
        known = ", ".join(one.name for one in every) or "none: the sidechain has no exchange"
        raise RemoteError(BAD_PARAMETER, f"no market {text}; there are: {known}")
    return found[0]


def chosen(table: dict[str, Any], text: str, what: str) -> Any:
    """The entry of a word; raises `RemoteError` (-8) with the words there are."""
    if text not in table:
        raise RemoteError(BAD_PARAMETER, f"{what} is one of {', '.join(table)}, not {text}")
    return table[text]


def _read(given: Given) -> Fraction:
    """A price as it was written; raises `RemoteError` (-3) for what is no decimal number."""
    text = given if isinstance(given, str) else format(Decimal(repr(given)), "f")
    if not _PRICE.fullmatch(text):
        raise RemoteError(WRONG_TYPE, f"{text[:40]!r} is no price", {"parameter": "price"})
    return Fraction(text)


def _decimal(value: Fraction) -> str:
    whole, rest = divmod(value.numerator * 10**18 // value.denominator, 10**18)
    return f"{whole}.{rest:018d}".rstrip("0").rstrip(".")
