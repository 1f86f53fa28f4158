"""The life of the group key: its generation, new shares of it, another one."""

from __future__ import annotations

from typing import Any

import click

from bystack.client.cli.conventions import (
    guarded,
    home_option,
    json_option,
    name_argument,
    node,
    show,
)
from bystack.client.cli.federation.standing import next_step
from bystack.client.cli.following import follow
from bystack.client.rpc import Rpc
from bystack.client.watching import Stage

VOTE = "Next: the other members run `bystack federation vote {name} {number}`; the vote that"
THEN = " completes the threshold starts the ceremony. bystack federation status {name} follows it."


@click.command("keygen")
@name_argument
@click.option("--attempt", default=0, show_default=True, help="Count up after an aborted attempt.")
@click.option("--wait", is_flag=True, help="Tell every stage until the key is made.")
@home_option
@json_option
@guarded
def keygen(name: str, attempt: int, wait: bool, home: str, as_json: bool) -> None:
    """Take part in generating the first group key. Every member's operator runs this once.

    The members' nodes deal shares of a key that exists nowhere as a whole: each keeps its own in
    keys/, and no command ever prints one. It takes seconds once all are connected, goes on by
    itself after a crash, and names who broke its rules.
    """
    rpc = node(home)
    begun = rpc.federation(name, "keygen", attempt)
    if wait:
        follow(lambda: stage(rpc, name), f"bystack federation status {name}")
    if as_json:
        return show(begun, as_json=True)
    click.echo(f"key generation of {name}, attempt {attempt}: {begun['state']}")
    click.echo(f"Next: {next_step(name, rpc.federation(name, 'getfederationinfo'))}")
    return None


def stage(rpc: Rpc, name: str) -> Stage:
    """How far the first key is: made, ended for good, or what it waits for."""
    info = rpc.federation(name, "getfederationinfo")
    match info["keygen"]:
        case "done":
            return Stage(f"{name}: the key is made", True)
        case "aborted":
            return Stage(f"{name}: aborted. {next_step(name, info)}", True, True)
    return Stage(f"{name}: {info['keygen']}; {next_step(name, info)}")


@click.command("refresh")
@name_argument
@click.option("--note", default="", help="Published with the proposal.")
@home_option
@json_option
@guarded
def refresh(name: str, note: str, home: str, as_json: bool) -> None:
    """Propose new shares of the same key for the same members: old shares become worthless.

    Do it every few months, and whenever a share may have been seen: whoever has fewer than the
    threshold of shares of one epoch has nothing once another is in force. Vault, key and deposit
    address stay; payouts go on meanwhile.
    """
    proposed(node(home), name, "refresh", {}, note, as_json=as_json)


@click.command("rotate")
@name_argument
@click.option("--note", default="", help="Published with the proposal.")
@home_option
@json_option
@guarded
def rotate(name: str, note: str, home: str, as_json: bool) -> None:
    """Propose a NEW key for the same members, or say how far that is.

    Needed when a threshold of shares may be in one hand, or when too many members have left who
    may have kept theirs. In order: the members vote; their nodes generate the key; the vault's
    terms with it are announced, and adopted after govern's delay, for which the new key must sign;
    the old shares are erased 2016 main-chain blocks later. The deposit address never changes.
    """
    rpc = node(home)
    info = rpc.federation(name, "getfederationinfo")
    rotation = info["rotation"]
    if rotation["change"] or rotation["next_key"]:
        if as_json:
            return show(rotation, as_json=True)
        click.echo("a change is under way already")
        return click.echo(f"Next: {next_step(name, info)}")
    proposed(rpc, name, "newkey", {}, note, as_json=as_json)
    return None


def proposed(
    rpc: Rpc, name: str, kind: str, details: dict[str, Any], note: str, *, as_json: bool
) -> None:
    """Propose a change, say under which number and what comes next."""
    made = rpc.federation(name, "propose", kind, details, note)
    if as_json:
        return show(made, as_json=True)
    click.echo(f"proposal {made['number']}: {kind}; you have voted yes")
    click.echo((VOTE + THEN).format(name=name, number=made["number"]))
    return None
