"""Where deposits and burns stand, and what a burn would pay out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from bystack.client.cli.conventions import (
    aligned,
    guarded,
    harmless,
    home_option,
    json_option,
    node,
    show,
)
from bystack.client.cli.following import follow, wait_option
from bystack.client.cli.gates import reasons
from bystack.client.cli.purses import asset_option, sidechain_argument
from bystack.client.watching import Stage, burned, deposit, deposited, lasting, payout

AMOUNTS = ("burned", "payout", "pegout_fee", "basis_points_fee", "minimum")
ENDED = ("settled", "refunded")


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
    told = rpc.side(chain, "getpegoutstatus", pegout)
    if as_json:
        return show(told, as_json=True)
    return _stand(burned(chain, told), burn_facts(told), followed=wait)


def _stand(stage: Stage, facts: Mapping[str, Any], *, followed: bool) -> None:
    """Where it stands in a sentence, which who followed it has read, and what is known of it."""
    if not followed:
        click.echo(harmless(stage.says))
    click.echo(aligned(facts))


def burn_facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """What people want to know of a peg-out; the rest is in its JSON."""
    order = "" if told["seq"] is None else f"{told['seq']}, of sidechain block"
    queue = told["state"] == "requested"
    about = 0 if told["state"] in ENDED else told["paid_in_about_seconds"]
    return {
        "state": told["state"],
        "burned": _sum(told["burned"]),
        "pays": f"{_sum(told['payout'])} to {told['destination']}",
        "paid in": about and f"about {lasting(about)}",
        "tier": f"{told['tier']}" + (f"; {told['before']} before it in the queue" * queue),
        "order": order and f"{order} {told['batch_height']}",
        "signing": _signing(told["signing"]),
        "vetoes": told["vetoes"],
        "id": told["id"],
    }


def _signing(told: Mapping[str, Any] | None) -> str:
    """Whose signatures an order has, as far as this node's member knows."""
    if told is None:
        return ""
    said = [f"weight {told['weight']} of {told['threshold']} needed"]
    if told["missing"] and not told["complete"]:
        said.append(f"not yet: {', '.join(told['missing'])}")
    return "; ".join([*said, *["sent to the main chain"] * bool(told["sent"])])


def _sum(told: Mapping[str, Any]) -> str:
    return f"{told['value']} {told['name']}"


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
    told = rpc.side(chain, "getpeginstatus", txid)
    if as_json:
        return show(told, as_json=True)
    return _stand(deposited(chain, told), deposit_facts(told), followed=wait)


def deposit_facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """What people want to know of a deposit; the rest is in its JSON."""
    return {
        "state": told["state"],
        "amount": _sum(told),
        "deposit": f"{told['txid']}:{told['vout']}, in main-chain block {told['height']}",
        "blocks left": told["blocks_left"],
        "claim": told["claim"],
        "recipient": told["recipient"],
    }
