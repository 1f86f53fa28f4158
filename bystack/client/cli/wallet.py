"""Money: wallets, payments, and the three ways across the pegs."""

from __future__ import annotations

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show

asset_option = click.option("--asset", default="BTM", show_default=True, help="Name or id.")
chain_option = click.option(
    "--chain", default="main", show_default=True, help="main or a sidechain."
)


@click.group()
def wallet() -> None:
    """Wallets of a node: create, addresses, balances, history."""


@wallet.command("create")
@click.argument("name", default="default")
@home_option
@json_option
@guarded
def create(name: str, home: str, as_json: bool) -> None:
    """Make a wallet and open it."""
    show(node(home).createwallet(name), as_json=as_json)


@wallet.command("load")
@click.argument("name", default="default")
@home_option
@json_option
@guarded
def load(name: str, home: str, as_json: bool) -> None:
    """Open a wallet made before."""
    show(node(home).loadwallet(name), as_json=as_json)


@wallet.command("address")
@chain_option
@home_option
@guarded
def address(chain: str, home: str) -> None:
    """A fresh address to be paid at."""
    show(node(home).getnewaddress(chain), as_json=False)


@wallet.command("balance")
@chain_option
@home_option
@json_option
@guarded
def balance(chain: str, home: str, as_json: bool) -> None:
    """What the wallet holds of each asset on a chain."""
    show(node(home).getbalances(chain), as_json=as_json)


@wallet.command("coins")
@chain_option
@home_option
@json_option
@guarded
def coins(chain: str, home: str, as_json: bool) -> None:
    """The wallet's coins on a chain."""
    show(node(home).listunspent(chain), as_json=as_json)


@wallet.command("history")
@home_option
@json_option
@guarded
def history(home: str, as_json: bool) -> None:
    """What came and went."""
    show(node(home).listtransactions(), as_json=as_json)


@click.command()
@click.argument("to")
@click.argument("amount")
@asset_option
@home_option
@guarded
def send(to: str, amount: str, asset: str, home: str) -> None:
    """Pay AMOUNT to the address TO, on the chain the address belongs to."""
    show(node(home).sendtoaddress(to, amount, asset), as_json=False)


@click.command()
@click.argument("chain")
@click.argument("amount")
@asset_option
@click.option("--to", default="", help="Address on the sidechain; your own without it.")
@home_option
@json_option
@guarded
def pegin(chain: str, amount: str, asset: str, to: str, home: str, as_json: bool) -> None:
    """Deposit AMOUNT into the vault of the sidechain CHAIN; it is minted there by proof."""
    show(node(home).pegin(chain, amount, asset, to), as_json=as_json)


@click.command()
@click.argument("chain")
@click.argument("to")
@click.argument("amount")
@asset_option
@home_option
@json_option
@guarded
def pegout(chain: str, to: str, amount: str, asset: str, home: str, as_json: bool) -> None:
    """Burn AMOUNT on CHAIN, to be paid at the main-chain address TO.

    Next: bystack pegout-status CHAIN PEGOUT tells what it waits for, and about how long.
    """
    show(node(home).sendtomainchain(chain, to, amount, asset), as_json=as_json)


@click.command("pegout-status")
@click.argument("chain")
@click.argument("pegout")
@home_option
@json_option
@guarded
def pegout_status(chain: str, pegout: str, home: str, as_json: bool) -> None:
    """Where the peg-out PEGOUT of CHAIN stands, what it waits for, about how long."""
    show(node(home).side(chain, "getpegoutstatus", pegout), as_json=as_json)


@click.command("pegin-status")
@click.argument("chain")
@click.argument("txid")
@home_option
@json_option
@guarded
def pegin_status(chain: str, txid: str, home: str, as_json: bool) -> None:
    """Where the deposit TXID into CHAIN stands: how deep it lies, whether it is claimed."""
    show(node(home).side(chain, "getpeginstatus", txid), as_json=as_json)


@click.command()
@click.argument("to")
@click.argument("amount")
@asset_option
@click.option("--from", "source", required=True, help="The sidechain the money leaves.")
@home_option
@json_option
@guarded
def transfer(to: str, amount: str, asset: str, source: str, home: str, as_json: bool) -> None:
    """Move AMOUNT from one sidechain to an address TO on another, through the main chain."""
    show(node(home).sendtosidechain(source, to, amount, asset), as_json=as_json)
