"""How a membership stands, and what is being signed."""

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


@click.command("status")
@name_argument
@home_option
@json_option
@guarded
def status(name: str, home: str, as_json: bool) -> None:
    """Key, vault, sponsor's purse, and how far the signer has verified."""
    show(node(home).federation(name, "getfederationinfo"), as_json=as_json)


@click.command("pending")
@name_argument
@home_option
@json_option
@guarded
def pending(name: str, home: str, as_json: bool) -> None:
    """Orders being signed: who has signed, who is missing."""
    show(node(home).federation(name, "listpending"), as_json=as_json)
