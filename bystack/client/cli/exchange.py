"""The exchange of a sidechain: place and cancel orders, look at the book, orders and trades."""

from __future__ import annotations

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show
from bystack.client.cli.drafts import ask, wallet_option
from bystack.client.cli.registry import sidechain_option


@click.group()
def exchange() -> None:
    """Limit orders for two assets of a sidechain, matched in its blocks."""


@exchange.command("markets")
@sidechain_option
@home_option
@json_option
@guarded
def markets(chain: str, home: str, as_json: bool) -> None:
    """What is traded, in which steps of amount and price, for which fees."""
    show(node(home).side(chain, "listmarkets"), as_json=as_json)


@exchange.command("order")
@click.argument("market")
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("amount")
@click.argument("price")
@click.option("--blocks", default=0, help="For how many it may wait; 0: as long as it can.")
@click.option(
    "--terms",
    type=click.Choice(["rest", "now", "all", "make"]),
    default="rest",
    show_default=True,
    help="What finds no match: rests, is given back (now), refuses all; or make: only wait.",
)
@click.option("--owner", default="", help="Address to be paid; a new one of ours without it.")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def order(
    market: str, side: str, amount: str, price: str, blocks: int, terms: str, owner: str,
    chain: str, wallet: str, home: str, as_json: bool,
) -> None:  # fmt: skip
    """Buy or sell AMOUNT for PRICE each or better, as in: order GOLD/BTM buy 5 1.25"""
    params = (market, side, amount, price, blocks, terms, owner, chain)
    show(ask(home, wallet, "placeorder", *params), as_json=as_json)


@exchange.command("cancel")
@click.argument("id")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def cancel(id: str, chain: str, wallet: str, home: str, as_json: bool) -> None:
    """Take the order ID out of the book; what is left of it comes back."""
    show(ask(home, wallet, "cancelorder", id, chain), as_json=as_json)


@exchange.command("book")
@click.argument("market")
@click.option("--depth", default=20, show_default=True, help="So many prices of each side.")
@sidechain_option
@home_option
@json_option
@guarded
def book(market: str, depth: int, chain: str, home: str, as_json: bool) -> None:
    """What is wanted and offered, the best price of each side nearest to the middle."""
    found = node(home).side(chain, "getorderbook", market, depth)
    if as_json:
        return show(found, as_json=True)
    rows = [{"side": "ask", **row} for row in reversed(found["asks"])]
    rows += [{"side": "bid", **row} for row in found["bids"]]
    show(rows or f"{found['name']}: no orders", as_json=False)


@exchange.command("orders")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def orders(chain: str, wallet: str, home: str, as_json: bool) -> None:
    """This wallet's orders in the book."""
    rows = ask(home, wallet, "listmyorders", chain)
    columns = ("order", "market", "side", "price", "amount", "of", "expires")
    brief = [{name: row[name] for name in columns} for row in rows]
    show(rows if as_json else brief, as_json=as_json)


@exchange.command("trades")
@click.argument("market")
@click.option("--count", default=20, show_default=True, help="At most 100.")
@sidechain_option
@home_option
@json_option
@guarded
def trades(market: str, count: int, chain: str, home: str, as_json: bool) -> None:
    """The last trades, the newest first; each at the price of the order that waited."""
    rows = node(home).side(chain, "listtrades", market, count)
    columns = ("number", "height", "side", "price", "amount")
    brief = [{name: row[name] for name in columns} for row in rows]
    show(rows if as_json else brief, as_json=as_json)
