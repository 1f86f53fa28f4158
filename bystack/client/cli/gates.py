"""Whether a way across the pegs is open, told before money goes on it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show
from bystack.client.cli.purses import sidechain_argument
from bystack.client.rpc import Rpc, RpcFailed

NOT_FOUND = -5
WAYS = ("pegin", "pegout", "payouts", "signing")


def check_open(rpc: Rpc, chain: str, way: str, *params: Any) -> None:
    """Raise `ClickException` with the reasons while a way is shut.

    A chain that this node does not run is left to whoever is asked next.
    """
    try:
        status: dict[str, Any] = rpc.side(chain, "getpegstatus", *params)
    except RpcFailed as error:
        if error.code == NOT_FOUND:
            raise
        return
    if not status[way]["open"]:
        raise click.ClickException(f"{chain}: {way} is shut. {reasons(status[way]['why'])}")
    if way == "pegout" and not status["payouts"]["open"]:
        text = reasons(status["payouts"]["why"])
        click.echo(f"Payouts stand still now: what is burned waits. {text}", err=True)


def check_claimable(rpc: Rpc, chain: str, amount: str, asset: str) -> None:
    """Raise `ClickException` for a deposit that nobody could claim: of an asset that the sidechain
    does not take, or below its minimum. A node that cannot tell leaves it to the chain."""
    try:
        info: dict[str, Any] = rpc.side(chain, "getsidechaininfo")
        units = Decimal(amount)
    except (RpcFailed, InvalidOperation):
        return
    if not units.is_finite():
        return
    taken = {one["asset"]: one for one in info["assets"]}
    meant = [id for id, one in taken.items() if asset.lower() in (id, one["name"].lower())]
    if not meant:
        names = ", ".join(one["name"] for one in taken.values())
        raise click.ClickException(
            f"{chain} does not take {asset}, only {names}: nobody could claim it."
        )
    entry = taken[meant[0]]
    found = next(one["pegin_minimum"] for one in info["peg_numbers"] if one["asset"] == meant[0])
    # The amount itself is not scaled: 1e999999 would overflow.
    if units < (least := Decimal(found).scaleb(-entry["decimals"])):
        raise click.ClickException(
            f"{amount} {entry['name']} is below the minimum of {chain}, {least.normalize():f}: "
            "nobody could claim it."
        )


def check_crossing(rpc: Rpc, source: str, target: str, to: str, amount: str, asset: str) -> None:
    """Raise `ClickException` for a transfer between sidechains that would not arrive: before
    anything is burned. `to`: the address on the target.

    The way into the target must be open and take what is paid out, and the burn must be one that
    the source takes now (getpegoutquote refuses it with the rule). A chain that this node does not
    run is left to the chain.
    """
    check_open(rpc, source, "pegout")
    if not target:
        return
    check_open(rpc, target, "pegin")
    try:
        deposit = rpc.side(target, "getpeginaddress", to)["mainchain_address"]
        told: dict[str, Any] = rpc.side(source, "getpegoutquote", amount, asset, deposit)
    except RpcFailed as error:
        raise click.ClickException(f"{source} to {target}: {error}. Nothing was burned.") from None
    if not told["open"]:
        raise click.ClickException(f"{source}: pegout is shut. {reasons(told['why'])}")
    check_claimable(rpc, target, str(told["payout"]["value"]), asset)


def reasons(why: list[dict[str, Any]]) -> str:
    """What holds a way shut, and what opens it, in sentences."""
    return " ".join(f"{_named(one)}; opened by {one['lifts']}." for one in why)


def _named(one: dict[str, Any]) -> str:
    """The rule and why, once: a module's words begin with its rule."""
    rule = f"{one['rule']}: "
    return rule + str(one["why"]).removeprefix(rule)


@click.command("peg-status")
@sidechain_argument
@click.option("--to", default="", help="A main-chain address that a peg-out would pay.")
@home_option
@json_option
@guarded
def peg_status(chain: str, to: str, home: str, as_json: bool) -> None:
    """Which ways into and out of the sidechain CHAIN are open, and what opens the others."""
    status = node(home).side(chain, "getpegstatus", to)
    if as_json:
        return show(status, as_json=True)
    for way in WAYS:
        said = "open" if status[way]["open"] else f"shut. {reasons(status[way]['why'])}"
        click.echo(f"{way}: {said}")
