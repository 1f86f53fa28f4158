"""Where deposits and burns stand, and what a burn would pay out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show
from bystack.client.cli.following import follow, wait_option
from bystack.client.cli.gates import reasons
from bystack.client.cli.purses import asset_option, sidechain_argument
from bystack.client.watching import deposit, payout

AMOUNTS = ("burned", "payout", "pegout_fee", "basis_points_fee", "minimum")


@click.command("pegout-quote")
@sidechain_argument
@click.argument("amount")
@asset_option
@click.option("--to", default="", help="The main-chain address that would be paid.")
@home_option
@json_option
@guarded
def pegout_quote(chain: str, amount: str, asset: str, to: str, home: str, as_json: bool) -> None:
    """What burning AMOUNT on CHAIN would pay out and cost, and about when. Burns nothing."""
    told: dict[str, Any] = node(home).side(chain, "getpegoutquote", amount, asset, to)
    if as_json:
        return show(told, as_json=True)
    for line in quoted(told):
        click.echo(line)


def quoted(told: dict[str, Any]) -> Iterator[str]:
    """A quote in sentences."""
    named = {key: f"{told[key]['value']} {told[key]['name']}" for key in AMOUNTS}
    yield (
        f"Of {named['burned']} burned {named['payout']} are paid out; fees: "
        f"{named['pegout_fee']} flat, {named['basis_points_fee']} by basis points. "
        f"At least {named['minimum']}."
    )
    delay = f", which pays after {told['delay']} main-chain blocks" if told["delay"] else ""
    yield f"Tier {told['tier']}{delay}; {told['before']} before it in the queue."
    if not told["open"]:
        yield f"It cannot be burned now. {reasons(told['why'])}"
    elif not told["payouts_open"]:
        yield f"Payouts stand still now: what is burned waits. {reasons(told['why'])}"
    elif told["paid_in_about_seconds"]:
        minutes = -(-told["paid_in_about_seconds"] // 60)
        yield f"Paid in about {minutes} min; it would wait for {told['waits_for']}."


@click.command("pegout-status")
@sidechain_argument
@click.argument("pegout")
@wait_option
@home_option
@json_option
@guarded
def pegout_status(chain: str, pegout: str, wait: bool, home: str, as_json: bool) -> None:
    """Where the peg-out PEGOUT of CHAIN stands, what it waits for, about how long."""
    rpc = node(home)
    if wait:
        again = f"bystack pegout-status {chain} {pegout} --wait"
        follow(lambda: payout(rpc, chain, pegout), again)
    show(rpc.side(chain, "getpegoutstatus", pegout), as_json=as_json)


@click.command("prove-unclaimable")
@sidechain_argument
@click.argument("txid")
@click.argument("vout", type=int)
@home_option
@json_option
@guarded
def prove_unclaimable(chain: str, txid: str, vout: int, home: str, as_json: bool) -> None:
    """Show CHAIN that nobody can claim the deposit VOUT of TXID into its vault.

    Next: tell the federation where to pay it back; a quorum decides. PEGOUT follows it then.
    """
    show(node(home).proveunclaimable(chain, txid, vout), as_json=as_json)


@click.command("pegin-status")
@sidechain_argument
@click.argument("txid")
@wait_option
@home_option
@json_option
@guarded
def pegin_status(chain: str, txid: str, wait: bool, home: str, as_json: bool) -> None:
    """Where the deposit TXID into CHAIN stands: how deep it lies, whether it is claimed."""
    rpc = node(home)
    if wait:
        follow(lambda: deposit(rpc, chain, txid), f"bystack pegin-status {chain} {txid} --wait")
    show(rpc.side(chain, "getpeginstatus", txid), as_json=as_json)
