"""`bystack wallet`: many coins into few, payments sped up or given up, chains read again."""

from __future__ import annotations

from typing import Any

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, show, tell
from bystack.client.cli.purses import (
    account_option,
    ask,
    asset_option,
    chain_option,
    rate_option,
    wallet_option,
)
from bystack.client.cli.reading_up import read_up
from bystack.client.cli.wallet import wallet


@wallet.command("consolidate")
@asset_option
@chain_option
@account_option
@rate_option
@wallet_option
@home_option
@json_option
@guarded
def consolidate(
    asset: str, chain: str, account: str, fee_rate: str, wallet: str, home: str, as_json: bool
) -> None:
    """Gather small coins into few, in as many transactions as it takes.

    Do it while fees are low: every coin costs its fee once now, and payments afterwards need few
    coins. Once these are in a block, a second run makes one coin of them.
    """
    params = (chain, asset, account, None, fee_rate or 0)
    _gathered(ask(home, wallet, "consolidate", *params), as_json)


@wallet.command("sweep")
@click.argument("to")
@asset_option
@account_option
@rate_option
@wallet_option
@home_option
@json_option
@guarded
def sweep(
    to: str, asset: str, account: str, fee_rate: str, wallet: str, home: str, as_json: bool
) -> None:
    """Send every coin of an asset to the address TO, in as many transactions as it takes."""
    _gathered(ask(home, wallet, "sendall", to, asset, account, fee_rate or 0), as_json)


def _gathered(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show(told, as_json=True)
        return
    count = len(told["txids"])
    click.echo(f"{told['coins']} coins, {told['amount']} {told['name']}, {count} transactions")
    if told["not_worth_it"]:
        click.echo(f"{told['not_worth_it']} coins left: spending them costs more than they are")
    for txid in told["txids"]:
        click.echo(txid)


@wallet.command("bump")
@click.argument("txid")
@rate_option
@wallet_option
@home_option
@json_option
@guarded
def bump(txid: str, fee_rate: str, wallet: str, home: str, as_json: bool) -> None:
    """Replace the payment TXID, while it is on its way, by one with a higher fee."""
    show(ask(home, wallet, "bumpfee", txid, fee_rate or 0), as_json=as_json)


@wallet.command("abandon")
@click.argument("txid")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def abandon(txid: str, chain: str, wallet: str, home: str, as_json: bool) -> None:
    """Give the payment TXID up and free its coins, if no pool of this node has it."""
    ask(home, wallet, "abandontransaction", txid, chain)
    says = f"given up: {txid}; its coins may be spent otherwise"
    tell({"txid": txid, "abandoned": True}, says, as_json=as_json)


@wallet.command("rescan")
@click.option("--from-height", default=0, show_default=True, help="The first block to read.")
@click.option("--abort", is_flag=True, help="Stop, and stand where the wallet stood before.")
@click.option("--background", is_flag=True, help="Do not wait for the end.")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def rescan(
    from_height: int, abort: bool, background: bool, chain: str, wallet: str, home: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Read the chain again, as after a wider gap or an import; it goes on after a restart."""
    if abort:
        done = ask(home, wallet, "abortrescan", chain)
        says = "stopped" if done else "no rescan was under way"
        return tell({"stopped": done}, says, as_json=as_json)
    ask(home, wallet, "rescanblockchain", from_height, chain, False)
    if background:
        says = f"reads from {from_height} on; bystack wallet info tells how far it is"
        return tell({"from_height": from_height}, says, as_json=as_json)
    told = read_up(home, wallet, chain)[chain]
    says = f"read up to {told['height']}: {told['txcount']} transactions"
    return tell(told, says, as_json=as_json)
