"""Operations on a federation's vault."""

from __future__ import annotations

import click

from bystack.client.cli.conventions import (
    guarded,
    home_option,
    json_option,
    name_argument,
    node,
    show,
)


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
