"""`bystack mine`: the node's built-in miner turned on and off, and what it does."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Final

import click

from bystack.client.cli.conventions import guarded, home_option, json_option, node, show
from bystack.client.patience import hushed
from bystack.client.rpc import Rpc

WATCH_SECONDS: Final = 1.0


@click.group()
def mine() -> None:
    """The node's own miner: start, stop, status."""


@mine.command("start")
@click.option("--threads", type=click.IntRange(1, 256), help="How many processes search.")
@home_option
@json_option
@guarded
def start(threads: int | None, home: str, as_json: bool) -> None:
    """Search blocks until `stop`, or until the node restarts.

    Without --threads as many processes as [mining] threads says, at least one. Rewards go to
    [mining] address, else to the loaded wallet.
    """
    report(node(home).call("setgenerate", True, threads or -1), as_json=as_json)


@mine.command("stop")
@home_option
@json_option
@guarded
def stop(home: str, as_json: bool) -> None:
    """Search no more."""
    report(node(home).call("setgenerate", False), as_json=as_json)


@mine.command("status")
@click.option("--watch", is_flag=True, help="One line, anew every second, until Ctrl-C.")
@home_option
@json_option
@guarded
def status(watch: bool, home: str, as_json: bool) -> None:
    """Hash rates, of each worker and of the network, and blocks found since the node started."""
    rpc = node(home)
    if watch:
        return _watch(rpc)
    report(rpc.call("getmininginfo"), as_json=as_json)


def _watch(rpc: Rpc) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    with suppress(KeyboardInterrupt), hushed(), console.status("…") as line:
        while True:
            info = rpc.call("getmininginfo")
            says = f"{info['chain']} at {info['blocks']}: {sentence(info)}"
            if console.is_terminal:
                line.update(says)
            else:
                click.echo(says)
            time.sleep(WATCH_SECONDS)


def report(info: dict[str, Any], *, as_json: bool) -> None:
    """All of `getmininginfo` as JSON, or what matters of it."""
    if as_json:
        return show(info, as_json=True)
    click.echo(sentence(info))
    click.echo(
        f"{info['chain']} at {info['blocks']}: difficulty {info['difficulty']:g},"
        f" network {info['networkhashps']:,.0f} hashes/s, {info['pooledtx']} transactions wait"
    )
    if info["errors"]:
        click.echo(f"last trouble: {info['errors']}")
    if info["workers"]:
        show(info["workers"], as_json=False)


def sentence(info: dict[str, Any]) -> str:
    """What the miner does, in a line."""
    if not info["generate"]:
        return "not mining"
    workers, rate = info["genproclimit"], info["hashespersec"]
    name = "worker" if workers == 1 else "workers"
    return f"mining with {workers} {name}, {rate:,.0f} hashes/s, {info['blocksfound']} blocks found"
