"""Looking at a node: `bystack status`, and any RPC method by name."""

from __future__ import annotations

import re
import time
from typing import Any, Final

import click
import msgspec

from bystack.client.bars import Bar
from bystack.client.cli.conventions import guarded, harmless, home_option, json_option, node, show
from bystack.client.cli.mine import sentence
from bystack.client.overview import gathered, lines, processes, rows
from bystack.client.progress import progress_line, progress_of
from bystack.client.rpc import Rpc
from bystack.client.wrongs import wrongs

LOOK_SECONDS: Final = 0.5
BELOW_ZERO: Final = re.compile(r"-[0-9]+(\.[0-9]+)?")


@click.command()
@click.option("--wait", is_flag=True, help="Until the main chain is in sync, with a bar.")
@home_option
@json_option
@guarded
def status(wait: bool, home: str, as_json: bool) -> None:
    """How a node stands, on one screen; what is wrong stands first.

    Its processes; each chain with height, age of the last block, peers, pegs and reserves; what is
    being fetched; memberships; guards; the wallet. bystack doctor tells what to do about what is
    wrong.
    """
    rpc = node(home)
    if wait:
        synced(rpc)
    told = gathered(rpc)
    if as_json:
        return show(told, as_json=True)
    now = time.time()
    amiss = list(wrongs(told, now))
    for one in amiss:
        click.echo(f"{click.style('WRONG', fg='red')}  {harmless(one)}")
    if amiss:
        click.echo("Next: bystack doctor tells what to do\n")
    click.echo(f"{told['network']}  RPC {told['url']}  {processes(told['processes'])}")
    show(rows(told, now), as_json=False)
    if told.get("mining", {}).get("generate"):
        click.echo(sentence(told["mining"]))
    for line in lines(told):
        click.echo(harmless(line))
    return None


def synced(rpc: Rpc) -> None:
    """Wait until the node has caught up with the headers it knows."""
    with Bar("syncing") as bar:
        while progress := progress_of(rpc):
            bar.show(float(progress["verificationprogress"]), progress_line(progress))
            time.sleep(LOOK_SECONDS)


class _Called(click.Command):
    """A command whose words may be numbers below zero, which begin as an option does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words apart; a mistyped option is told as such as long as no such number is there."""
        ctx.ignore_unknown_options = any(map(BELOW_ZERO.fullmatch, args))
        return super().parse_args(ctx, args)


@click.command("rpc", cls=_Called)
@click.argument("method")
@click.argument("params", nargs=-1)
@click.option("--path", default="/", show_default=True, help="/sidechain/NAME or /federation/NAME.")
@home_option
@json_option
@guarded
def rpc(method: str, params: tuple[str, ...], path: str, home: str, as_json: bool) -> None:
    """Call any RPC METHOD. PARAMS are JSON values; what is no JSON is taken as a string.

    The answer is JSON; of one that is a text the text alone, without --json.

    \b
    bystack rpc help
    bystack rpc help getblock
    bystack rpc getblock HASH 2
    bystack rpc getreserves --path /sidechain/trade
    """
    result = node(home).call(method, *(_value(text) for text in params), path=path)
    if isinstance(result, str) and not as_json:
        click.echo(harmless(result))  # as bitcoin-cli does: to be used by the next command
    else:
        show(result, as_json=True)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
