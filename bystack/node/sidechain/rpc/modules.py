"""RPC of a sidechain's modules: `query` for any of them, and the built-in ones' questions, typed.

What the exchange says in lots and ticks is told in whole coins and prices beside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

from bystack.node.ipc import RemoteError
from bystack.node.rpc import BAD_PARAMETER, Hash, Methods
from bystack.node.sidechain.reading import Reader
from bystack.node.sidechain.rpc import shapes_modules
from bystack.node.sidechain.rpc.forms import Json
from bystack.node.sidechain.rpc.owners import Owner, root_named
from bystack.node.trading_text import Pair, pair_named, pairs
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.sidechain.modules.base import Modules
from bystack.sidechain.modules.exchange.module import ExchangeModule
from bystack.sidechain.modules.registry.certificates import status_after
from bystack.sidechain.modules.registry.module import RegistryModule
from bystack.sidechain.params import Genesis

Name = Annotated[str, Meta(max_length=64)]
MarketName = Annotated[str, Meta(max_length=64, description="a market: GOLD/BTM, or its number")]
Few = Annotated[int, Meta(ge=1, le=200)]
Trades = Annotated[int, Meta(ge=1, le=100)]
Owners = Annotated[list[Owner], Meta(max_length=1_000)]


class ModuleMethods:
    """Queries of the modules that anyone may ask: `query MODULE NAME [PARAMS]`, and by name."""

    def __init__(self, reader: Reader, genesis: Genesis, modules: Modules) -> None:
        self._reader, self._genesis = reader, genesis
        self._modules = {module.name: module for module in modules.modules}

    def register(self, methods: Methods) -> None:
        """Add `query`, `listqueries`, and the built-in modules' queries under their own names."""
        methods.add_all(
            ("query", self.query, "Ask a module."),
            ("listqueries", self.queries, "What each module can be asked.", dict[str, list[str]]),
        )
        if "federation" in self._modules:
            methods.add_all(
                ("listmembers", self.members, "The federation's members.", shapes_modules.Members),
                (
                    "getpauses",
                    self.pauses,
                    "Until when the pegs are paused.",
                    shapes_modules.Pauses,
                ),
            )
        if RegistryModule.name in self._modules:
            self._register_registry(methods)
        if ExchangeModule.name in self._modules:
            self._register_exchange(methods)
        for name, module in self._modules.items():
            for query in set(module.queries) - set(methods.names):
                about, kind = f"Asks the module {name}.", shapes_modules.OF.get(name, {}).get(query)
                methods.add(query, self._asking(name, query), help=about, returns=kind)

    def _register_registry(self, methods: Methods) -> None:
        methods.add_all(
            (
                "getcertificate",
                self.certificate,
                "The certificate of a digest.",
                shapes_modules.Certificate,
            ),
            (
                "listcertificates",
                self.certificates,
                "An owner's certificates.",
                list[shapes_modules.Certificate],
            ),
            (
                "getregistryinfo",
                self.registry,
                "What an entry costs; how many there are.",
                shapes_modules.RegistryInfo,
            ),
        )

    def _register_exchange(self, methods: Methods) -> None:
        methods.add_all(
            (
                "listmarkets",
                self.markets,
                "What is traded here, and in which steps.",
                list[shapes_modules.Market],
            ),
            (
                "getorderbook",
                self.orderbook,
                "The prices that have orders, best first.",
                shapes_modules.OrderBook,
            ),
            ("getorder", self.order, "An order that waits in the book.", shapes_modules.Order),
            (
                "listorders",
                self.orders,
                "The waiting orders of some owners.",
                list[shapes_modules.Order],
            ),
            ("listtrades", self.trades, "The last trades of a market.", list[shapes_modules.Trade]),
        )

    def _asking(self, module: str, name: str) -> Callable[..., Any]:
        """A module's query under its own name."""

        def ask(params: list[Any] | None = None) -> Any:
            return self._reader.query(module, name, params or [])

        return ask

    def query(self, module: Name, name: Name, params: list[Any] | None = None) -> Any:
        """The module's answer."""
        if module not in self._modules:
            raise RemoteError(BAD_PARAMETER, f"this sidechain has no module {module}")
        return self._reader.query(module, name, params or [])

    def queries(self) -> Json:
        """The names of each module's queries, by module."""
        return {name: list(module.queries) for name, module in self._modules.items()}

    # -- federation

    def members(self) -> Any:
        """Names, weights, keys."""
        return self._reader.query("federation", "listmembers", [])

    def pauses(self) -> Any:
        """Main-chain heights until which each thing is paused; 0 for not paused."""
        return self._reader.query("federation", "getpauses", [])

    # -- registry

    def certificate(self, digest: Hash) -> Any:
        """Whose the digest is, since when, who stands for it; `key` is what a proof is of.

        `status`: valid, expired or revoked as of the last block.
        """
        found = self._reader.query(RegistryModule.name, "getcertificate", [digest.lower()])
        return self._certificate(found)

    def certificates(self, owner: Owner, count: Few = 100, after: str = "") -> Any:
        """In the order in which they came to the owner, from behind the digest `after`."""
        params = [root_named(owner, self._genesis.hrp), count, after.lower()]
        rows = self._reader.query(RegistryModule.name, "listcertificates", params)["certificates"]
        return [self._certificate(row) for row in rows]

    def _certificate(self, row: Json) -> Json:
        status = status_after(row["revoked"], row["expires"], self._reader.height)
        return {"status": status, "address": self._address(row["owner"]), **row}

    def registry(self) -> Any:
        """The fees, in base units of their asset."""
        return self._reader.query(RegistryModule.name, "getregistryinfo", [])

    # -- exchange

    def markets(self) -> list[Json]:
        """One object per market."""
        return [pair.form() for pair in pairs(self._genesis)]

    def orderbook(self, market: MarketName, depth: Few = 20) -> Json:
        """Bids and asks, `depth` prices each: price, amount, how many orders."""
        pair = pair_named(self._genesis, market)
        book = self._exchange("getorderbook", pair.number, depth)
        sides = {side: [_level(pair, row) for row in book[side]] for side in ("bids", "asks")}
        return {**pair.form(), **sides}

    def order(self, order: Hash) -> Json:
        """The order; one that was matched whole, cancelled or has ended is not in the book."""
        return self._order(self._exchange("getorder", order.lower()))

    def orders(self, owners: Owners) -> list[Json]:
        """At most 500, the oldest first of each owner."""
        roots = [root_named(owner, self._genesis.hrp) for owner in owners]
        return [self._order(row) for row in self._exchange("listorders", roots)["orders"]]

    def trades(self, market: MarketName, count: Trades = 20) -> list[Json]:
        """The newest first; the last hundred of a market are kept."""
        pair = pair_named(self._genesis, market)
        rows = self._exchange("listtrades", pair.number, count)["trades"]
        return [_trade(pair, row) for row in rows]

    def _exchange(self, name: str, *params: Any) -> Any:
        return self._reader.query(ExchangeModule.name, name, list(params))

    def _order(self, row: Json) -> Json:
        shown = pairs(self._genesis)[row["market"]].order(row)
        return {**shown, "address": self._address(row["owner"])}

    def _address(self, root: str) -> str:
        return encode_address(Address(self._genesis.hrp, POLICY, bytes.fromhex(root)))


def _level(pair: Pair, row: Json) -> Json:
    amount = pair.amount(row["lots"])
    return {"price": pair.price(row["price"]), "amount": amount, "orders": row["orders"]}


def _trade(pair: Pair, row: Json) -> Json:
    about = {"number": row["number"], "height": row["height"], "time": row["time"] // 1000}
    side = "sell" if row["side"] else "buy"
    numbers = {"price": pair.price(row["price"]), "amount": pair.amount(row["lots"])}
    return {**about, "side": side, **numbers, "maker": row["maker"], "taker": row["taker"]}
