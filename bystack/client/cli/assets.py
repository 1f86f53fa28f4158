"""Assets: issue, issue more, retire, look at."""

from __future__ import annotations

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show
from bystack.client.cli.drafts import ask, wallet_option
from bystack.client.cli.wallet import chain_option

policy_option = click.option(
    "--policy", "policies", multiple=True, help="Who may issue; several are alternatives."
)


@click.group()
def asset() -> None:
    """Assets of the main chain."""


@asset.command("issue")
@click.argument("symbol")
@click.argument("amount")
@click.option("--decimals", default=8, show_default=True, help="0 to 18.")
@click.option("--indivisible", is_flag=True, help="Moves in whole units only.")
@click.option("--serial", default="", help="Hex: one thing of its own, issued once (non-fungible).")
@click.option("--unit", default="", help="What one of it is called.")
@click.option("--cap", default="0", help="The most that is ever issued; 0: no cap.")
@click.option("--to", default="", help="Who gets it; ourselves without it.")
@policy_option
@wallet_option
@home_option
@json_option
@guarded
def issue(
    symbol: str, amount: str, decimals: int, indivisible: bool, serial: str, unit: str, cap: str,
    to: str, policies: tuple[str, ...], wallet: str, home: str, as_json: bool,
) -> None:  # fmt: skip
    """Issue AMOUNT of a new asset; under a policy of several people, draft the issue."""
    shape = [decimals, not indivisible, not serial, serial, unit, cap]
    params = [symbol, amount, *shape, list(policies) or None, to]
    show(ask(home, wallet, "issueasset", *params), as_json=as_json)


@asset.command("reissue")
@click.argument("id")
@click.argument("amount")
@click.option("--to", default="", help="Who gets it; ourselves without it.")
@policy_option
@wallet_option
@home_option
@json_option
@guarded
def reissue(
    id: str, amount: str, to: str, policies: tuple[str, ...], wallet: str, home: str, as_json: bool
) -> None:
    """Issue AMOUNT more of the asset ID."""
    made = ask(home, wallet, "reissueasset", id, amount, list(policies) or None, to)
    show(made, as_json=as_json)


@asset.command("retire")
@click.argument("asset")
@click.argument("amount")
@click.option("--data", default="", help="Up to 256 bytes in hex, kept on the chain for good.")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def retire(
    asset: str, amount: str, data: str, chain: str, wallet: str, home: str, as_json: bool
) -> None:
    """Destroy AMOUNT of ASSET. Next: bystack proof TXID FILE proves it to anybody."""
    show(ask(home, wallet, "retireasset", asset, amount, data, chain), as_json=as_json)


@asset.command("list")
@chain_option
@wallet_option
@home_option
@json_option
@guarded
def every(chain: str, wallet: str, home: str, as_json: bool) -> None:
    """The assets the wallet holds, and what the chain knows of them."""
    listed = ask(home, wallet, "listassets", chain)
    if as_json:
        return show(listed, as_json=True)
    for number, one in enumerate(listed):
        if number:
            click.echo()
        show(one, as_json=False)


@asset.command("info")
@click.argument("id")
@home_option
@json_option
@guarded
def info(id: str, home: str, as_json: bool) -> None:
    """What the chain has recorded of the asset ID."""
    show(node(home).getassetinfo(id), as_json=as_json)
