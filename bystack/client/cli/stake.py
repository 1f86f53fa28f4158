"""Stake of a sidechain that elects its validators: stand, vote, take back, look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show
from bystack.client.cli.purses import ask, wallet_option

MAX_REGISTRATION = 10_000
PARTS = ("key", "proof", "consent", "node", "operator")
CANDIDATE = ("rank", "key", "stake", "own", "commission_bp", "electable", "jailed_until")
VALIDATOR = ("index", "key", "stake", "signed", "proposed", "connected", "self", "tombstoned")

sidechain_option = click.option(
    "--sidechain", "--chain", "chain", required=True, help="The sidechain's name."
)
key_argument = click.argument("key", metavar="KEY")


@click.group()
def stake() -> None:
    """Who validates a sidechain: candidates, votes with locked coins, rewards.

    \b
    To hold and earn:
      bystack stake candidates --sidechain trade
      bystack stake vote KEY 100 --sidechain trade
      bystack stake unvote KEY --sidechain trade      and, when it is due,
      bystack stake withdraw --sidechain trade
    To validate, on the validator's machine and then with a wallet:
      bystackd key new validator:trade --home HOME
      bystackd key consent trade --operator ADDRESS --home HOME > registration.json
      bystack stake register registration.json 1000 --commission 5 --sidechain trade
    """


@stake.command("candidates")
@sidechain_option
@home_option
@json_option
@guarded
def candidates(chain: str, home: str, as_json: bool) -> None:
    """Who stands for election, by rank; rank 0 cannot be elected now."""
    _rows(node(home).side(chain, "getcandidates"), CANDIDATE, as_json)


@stake.command("validators")
@click.option("--next", "following", is_flag=True, help="Of the next epoch, once they are settled.")
@sidechain_option
@home_option
@json_option
@guarded
def validators(following: bool, chain: str, home: str, as_json: bool) -> None:
    """Who validates in this epoch, with the stake behind, and what they signed in it."""
    which = "next" if following else "current"
    _rows(node(home).side(chain, "getvalidators", which), VALIDATOR, as_json)


def _rows(told: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool) -> None:
    shown = told if as_json else [{name: one.get(name, "") for name in columns} for one in told]
    show(shown, as_json=as_json)


@stake.command("status")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def status(chain: str, wallet: str, home: str, as_json: bool) -> None:
    """What this wallet has locked, what comes back and when, the candidates it runs."""
    told = ask(home, wallet, "listmystake", chain)
    if as_json:
        show(told, as_json=True)
        return
    epoch = node(home).side(chain, "getepoch")
    click.echo(f"epoch {epoch['epoch']}, blocks {epoch['first']} to {epoch['last']}")
    click.echo(f"staked: {told['staked']}")
    show(told["ballots"], as_json=False)
    if told["returns"]:
        click.echo("coming back, paid by bystack stake withdraw from the epoch due:")
        show(told["returns"], as_json=False)
    if told["candidates"]:
        click.echo("candidates of ours:")
        _rows(told["candidates"], CANDIDATE, False)


@stake.command("register")
@click.argument(
    "registration", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE"
)
@click.argument("amount")
@click.option("--commission", default="0", help="Percent of the rewards kept before voters share.")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def register(
    registration: Path, amount: str, commission: str, chain: str, wallet: str, home: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Stand for election with AMOUNT of own stake; FILE is what bystackd key consent printed."""
    said = _registration(registration)
    params = (*(said[part] for part in PARTS), amount, commission, chain)
    show(ask(home, wallet, "registervalidator", *params), as_json=as_json)


def _registration(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > MAX_REGISTRATION:
            raise click.ClickException(f"{path} is too long to be a registration")
        said = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise click.ClickException(f"{path}: {error}") from None
    if missing := [part for part in PARTS if part not in said]:
        raise click.ClickException(
            f"{path} lacks {', '.join(missing)}: it is to be what bystackd key consent printed"
        )
    return said


@stake.command("update")
@key_argument
@click.argument("node_id", metavar="NODE")
@click.option("--commission", default="", help="Percent; it may only sink. As it is without it.")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def update(
    key: str, node_id: str, commission: str, chain: str, wallet: str, home: str, as_json: bool
) -> None:
    """The validator KEY speaks from NODE, a node id."""
    told = ask(home, wallet, "updatevalidator", key, node_id, commission, chain)
    show(told, as_json=as_json)


@stake.command("unregister")
@key_argument
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def unregister(key: str, chain: str, wallet: str, home: str, as_json: bool) -> None:
    """Stand no more with KEY; own stake comes back after the unbonding time."""
    show(ask(home, wallet, "unregistervalidator", key, chain), as_json=as_json)


@stake.command("unjail")
@key_argument
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def unjail(key: str, chain: str, wallet: str, home: str, as_json: bool) -> None:
    """Stand again with KEY, from the epoch on that candidates shows as jailed_until."""
    show(ask(home, wallet, "unjailvalidator", key, chain), as_json=as_json)


@stake.command("vote")
@key_argument
@click.argument("amount")
@click.option("--owner", default="", help="Whose it is: an address; one of ours without it.")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def vote(
    key: str, amount: str, owner: str, chain: str, wallet: str, home: str, as_json: bool
) -> None:
    """Lock AMOUNT for the candidate KEY; it earns from the next epoch on."""
    show(ask(home, wallet, "votestake", key, amount, owner, chain), as_json=as_json)


@stake.command("unvote")
@key_argument
@click.argument("amount", default="all")
@click.option("--owner", default="", help="Of whose ballot, where we have several.")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def unvote(
    key: str, amount: str, owner: str, chain: str, wallet: str, home: str, as_json: bool
) -> None:
    """Take AMOUNT, or all, back from KEY; see status for when it is paid."""
    show(ask(home, wallet, "unvotestake", key, amount, owner, chain), as_json=as_json)


@stake.command("withdraw")
@click.option("--owner", default="", help="Of whom; all of ours without it.")
@sidechain_option
@wallet_option
@home_option
@json_option
@guarded
def withdraw(owner: str, chain: str, wallet: str, home: str, as_json: bool) -> None:
    """Have paid out what was taken back and is due; nothing is printed where nothing is."""
    show(ask(home, wallet, "withdrawstake", owner, chain), as_json=as_json)
