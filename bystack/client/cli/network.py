"""Whole networks on this machine: `bystack devnet` and `bystack demo`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bystack.client.cli.conventions import guarded, harmless, json_option, show, tell

if TYPE_CHECKING:
    from bystack.client.devnet.founding import Devnet

dir_option = click.option(
    "--dir", "folder", required=True, type=click.Path(file_okay=False), help="Where it lives."
)


@click.group()
def devnet() -> None:
    """A whole network of real processes on loopback."""


@devnet.command("up")
@dir_option
@click.option("--sidechains", type=click.IntRange(1, 8), help="How many; 2 in a new network.")
@click.option("--validators", type=click.IntRange(1, 16), help="Of each; 4 in a new network.")
@click.option("--members", type=click.IntRange(3, 16), help="Of each; 5 in a new network.")
@click.option(
    "--module",
    "modules",
    multiple=True,
    help="Of a new network's sidechains: registry, exchange, or NAME=HEX of a package. Repeatable.",
)
@click.option(
    "--set",
    "choices",
    multiple=True,
    metavar="KEY=VALUE",
    help="In a new network's sidechain geneses: consensus=bbft|authority|solo, election=NAME,"
    " gateways, epoch, freeze, interval, timeout, finality, blocks_per_leader. Repeatable.",
)
@click.option("--guard", is_flag=True, help="And a node that guards the vaults.")
@json_option
def up(
    folder: str,
    sidechains: int | None,
    validators: int | None,
    members: int | None,
    modules: tuple[str, ...],
    choices: tuple[str, ...],
    guard: bool,
    as_json: bool,
) -> None:
    """Make a network, or start what is missing of an existing one."""
    from bystack.client.devnet import network
    from bystack.client.report import Steps

    steps = Steps(quiet=as_json)
    try:
        shape, place = (sidechains, validators, members), Path(folder).resolve()
        net = network.up(place, shape, steps, modules=modules, choices=choices, guard=guard)
    # The boundary of the command: the step that failed and its reason, whatever it was.
    except Exception as error:
        steps.failed(error)
        click.echo(
            f"{error}; look into {folder}/node*/logs, then run the same command again", err=True
        )
        sys.exit(1)
    if as_json:
        show({"ok": True, "steps": steps.done, **network.status(net)}, as_json=True)
    else:
        click.echo(f"Running. Next: bystack devnet status --dir {folder}")
        click.echo(
            f"Blocks of the main chain come when you say: bystack mine start --home {folder}/node1"
        )


@devnet.command("status")
@dir_option
@json_option
@guarded
def status(folder: str, as_json: bool) -> None:
    """Nodes, their processes, and the height of each chain as each node has it."""
    from bystack.client.devnet import network

    found = network.status(_opened(folder))
    if as_json:
        show(found, as_json=True)
        return
    for one in found["nodes"]:
        click.echo(f"{one['name']}  {one['rpc']}  {one['home']}")
        show(one["processes"], as_json=False)
        _tips(one["chains"])
    for line in _cures(found["nodes"], folder):
        click.echo(line)


def _tips(chains: dict[str, Any]) -> None:
    """A node's chains; what is not known of them stands below, with the reason."""
    known = [{"chain": name, **tip} for name, tip in chains.items() if "error" not in tip]
    if known:
        show(known, as_json=False)
    for name, tip in chains.items():
        if "error" in tip:
            click.echo(harmless(f"{name}: not known; {tip['error']}"))


def _cures(nodes: list[dict[str, Any]], folder: str) -> Iterator[str]:
    """What to do about nodes that are stopped or do not answer."""
    stopped = [one["name"] for one in nodes if one["processes"][0]["state"] == "stopped"]
    silent = [one["name"] for one in nodes if any("error" in tip for tip in one["chains"].values())]
    if stopped:
        yield f"{', '.join(stopped)} stopped. Next: bystack devnet up --dir {folder} starts them"
    if silent:
        yield (
            f"{', '.join(silent)} not answering in full. Next: look into HOME/logs; kill the pid of"
            " a process that hangs, and its bystackd starts it anew (all of them: kill bystackd,"
            f" then bystack devnet up --dir {folder})"
        )


def _opened(folder: str) -> Devnet:
    from bystack.client.devnet import network

    try:
        return network.opened(Path(folder).resolve())
    except network.NoDevnet as error:
        click.echo(str(error), err=True)
        sys.exit(1)


@devnet.command("add")
@click.argument("name")
@dir_option
@click.option("--module", "modules", multiple=True, help="As in up. Repeatable.")
@json_option
def add(name: str, folder: str, modules: tuple[str, ...], as_json: bool) -> None:
    """One more sidechain NAME for a running network, which goes on serving the others."""
    from bystack.client.devnet import adding
    from bystack.client.report import Steps

    steps, net = Steps(quiet=as_json), _opened(folder)
    try:
        adding.add(net, name, steps, time.time_ns() // 1_000_000, modules)
    # The boundary of the command: the step that failed and its reason, whatever it was.
    except Exception as error:
        steps.failed(error)
        click.echo(f"{error}; see {folder}/node*/logs", err=True)
        sys.exit(1)
    if as_json:
        show({"ok": True, "steps": steps.done}, as_json=True)
    else:
        click.echo(f"Running. Next: bystack pegin {name} 1 --home {folder}/node1")


@devnet.command("remove")
@click.argument("name")
@dir_option
@json_option
@guarded
def remove(name: str, folder: str, as_json: bool) -> None:
    """Stop running an added sidechain NAME on every node; its data stays."""
    from bystack.client.devnet import adding
    from bystack.client.tables import TableRefused

    try:
        adding.remove(_opened(folder), name)
    except TableRefused as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    says = f"{name} is not run any more; its data stays in {folder}/node*/data"
    tell({"removed": name}, says, as_json=as_json)


@devnet.command("down")
@dir_option
@click.option("--remove", is_flag=True, help="Delete the directory as well: keys, coins, all.")
@json_option
def down(folder: str, remove: bool, as_json: bool) -> None:
    """Stop every node; `up` on the same directory starts them again."""
    from bystack.client.devnet import network

    _opened(folder)
    stopped = network.down(Path(folder).resolve(), remove=remove)
    says = "\n".join(f"{name} stopped" for name in stopped) or "no node was running"
    tell({"stopped": stopped, "removed": remove}, says, as_json=as_json)


@click.command()
@json_option
@click.option("--keep", is_flag=True, help="Keep the network's files for a look at the logs.")
def demo(as_json: bool, keep: bool) -> None:
    """The whole system on this machine: five nodes, two sidechains, pegs both ways, a thief.

    Everything is removed at the end. Exit code 0 only if every step's effect was read from another
    node than the one that caused it.
    """
    from bystack.client.demo.run import run_demo
    from bystack.client.report import Steps

    result = run_demo(Steps(quiet=as_json), keep=keep)
    if as_json:
        show(result, as_json=True)
    elif result["ok"]:
        click.echo("All steps done; reserves of both sidechains recomputed and equal.")
        click.echo("Next: bystack devnet up --dir mynet starts such a network that stays.")
    sys.exit(0 if result["ok"] else 1)
