"""How a membership stands, and what is being signed."""

from __future__ import annotations

import click

from bystack.client.cli.conventions import (
    guarded,
    harmless,
    home_option,
    json_option,
    name_argument,
    node,
    show,
)
from bystack.client.cli.federation.standing import lines


@click.command("status")
@name_argument
@home_option
@json_option
@guarded
def status(name: str, home: str, as_json: bool) -> None:
    """Key, members, a change in flight, sponsor's purse, the signer; and what to do next."""
    info = node(home).federation(name, "getfederationinfo")
    if as_json:
        return show(info, as_json=True)
    for line in lines(name, info):
        click.echo(harmless(line))
    return None


@click.command("pending")
@name_argument
@home_option
@json_option
@guarded
def pending(name: str, home: str, as_json: bool) -> None:
    """Orders being signed: who has signed, who is missing."""
    show(node(home).federation(name, "listpending"), as_json=as_json)
