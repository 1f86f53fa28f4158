"""A member's commands: key generation, the vault, what is being signed, pauses."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import tomli_w

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show

name_argument = click.argument("name")


@click.group()
def federation() -> None:
    """A membership of the federation NAME (of the sidechain of that name)."""


@federation.command("status")
@name_argument
@home_option
@json_option
@guarded
def status(name: str, home: str, as_json: bool) -> None:
    """Key, vault, sponsor's purse, and how far the signer has verified."""
    show(node(home).federation(name, "getfederationinfo"), as_json=as_json)


@federation.command("pending")
@name_argument
@home_option
@json_option
@guarded
def pending(name: str, home: str, as_json: bool) -> None:
    """Orders being signed: who has signed, who is missing."""
    show(node(home).federation(name, "listpending"), as_json=as_json)


@federation.command("keygen")
@name_argument
@click.option("--attempt", default=0, show_default=True, help="Count up after an aborted attempt.")
@home_option
@json_option
@guarded
def keygen(name: str, attempt: int, home: str, as_json: bool) -> None:
    """Take part in generating the group key. Every member's operator runs this once.

    Next: bystack federation status NAME shows `keygen: done` and the key.
    """
    show(node(home).federation(name, "keygen", attempt), as_json=as_json)


@federation.command("pause")
@name_argument
@click.argument("what", type=click.Choice(["claims", "burns", "batches", "all"]))
@click.option("--reason", default="", help="Published with the pause.")
@home_option
@guarded
def pause(name: str, what: str, reason: str, home: str) -> None:
    """Pause WHAT for 720 main-chain blocks; each member may do so once in 8064."""
    show(node(home).federation(name, "pause", what, reason), as_json=False)


@federation.command("genesis")
@name_argument
@click.argument("spec", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@home_option
@guarded
def genesis(name: str, spec: Path, out: Path, home: str) -> None:
    """Build the sidechain's genesis from what SPEC (TOML) says, and write it to OUT.

    Every member builds it; the ids must be the same. configs/sidechain.spec.toml is an example,
    with engine, assets, validators and modules.
    """
    try:
        said = tomllib.loads(spec.read_text())
    except (ValueError, OSError) as error:
        raise click.ClickException(f"{spec}: {error}") from None
    made = node(home).federation(name, "buildgenesis", said)
    out.write_text(tomli_w.dumps(made["genesis"]))
    click.echo(f"sidechain {made['id']}")
    click.echo(f"Next: compare the id with every member, then name {out} in [[sidechain]]")


@click.group()
def vault() -> None:
    """Operations on a federation's vault."""


@vault.command("create")
@name_argument
@home_option
@json_option
@guarded
def create(name: str, home: str, as_json: bool) -> None:
    """Draft the vault's creation and have every member sign it; prints the digest.

    Next: guards and recovery sign it offline (bystackd key sign), then: bystack vault submit.
    """
    built = node(home).federation(name, "buildvaultoperation", "create")
    show(built, as_json=as_json)


@vault.command("submit")
@name_argument
@click.argument("signatures", nargs=-1)
@home_option
@json_option
@guarded
def submit(name: str, signatures: tuple[str, ...], home: str, as_json: bool) -> None:
    """Complete and send the creation. SIGNATURES are NAME=HEX, by charter key name."""
    given = dict(one.split("=", 1) for one in signatures)
    show(node(home).federation(name, "submitvaultoperation", given), as_json=as_json)


@vault.command("touch")
@name_argument
@home_option
@json_option
@guarded
def touch(name: str, home: str, as_json: bool) -> None:
    """Have the vault's present seq voided, when nobody spends it."""
    show(node(home).federation(name, "buildvaultoperation", "touch"), as_json=as_json)


@vault.command("show")
@click.argument("id")
@home_option
@json_option
@guarded
def show_vault(id: str, home: str, as_json: bool) -> None:
    """A vault as the main chain has it: state, holdings, coins."""
    show(node(home).getvault(id), as_json=as_json)
