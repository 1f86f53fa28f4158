"""Looking at a node: `bystack status`, and any RPC method by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from bystack.client.cli.conventions import guarded, harmless, home_option, json_option, node, show
from bystack.client.cli.mine import sentence
from bystack.client.progress import (
    joining_line,
    joining_of,
    progress_line,
    progress_of,
    warning_of,
)
from bystack.client.rpc import NodeDown, Rpc, RpcFailed


@click.command()
@home_option
@json_option
@guarded
def status(home: str, as_json: bool) -> None:
    """How a node stands: its processes, and the tip of each of its chains."""
    rpc = node(home)
    facts = _facts(rpc)
    chains = {"main": _tip(rpc, "/")}
    syncing, mining = progress_of(rpc), _mining(rpc)
    for row in facts["processes"]:
        if row["role"] == "sidechain":
            chains[row["name"]] = _tip(rpc, f"/sidechain/{row['name']}")
    joining = {name: one for name in chains if name != "main" and (one := joining_of(rpc, name))}
    sides = [name for name in chains if name != "main"]
    warnings = {name: text for name in sides if (text := warning_of(rpc, name))}
    if as_json:
        more = {"sync": syncing, "mining": mining, "joining": joining, "warnings": warnings}
        found = {name: one for name, one in more.items() if one}
        show({**facts, "chains": chains, **found}, as_json=True)
        return
    click.echo(f"{facts['network']}  RPC {facts['url']}")
    columns = ("role", "name", "pid", "state")
    show(
        [{name: row.get(name, "") for name in columns} for row in facts["processes"]], as_json=False
    )
    show([{"chain": name, **tip} for name, tip in chains.items()], as_json=False)
    if syncing:
        click.echo(progress_line(syncing))
    for name, one in joining.items():
        click.echo(joining_line(name, one))
    if mining.get("generate"):
        click.echo(sentence(mining))
    for name, text in warnings.items():
        click.echo(f"{name}: {text}")


def _facts(rpc: Rpc) -> dict[str, Any]:
    rpc.call("getblockcount")
    path = Path(rpc.home) / "run" / "bystackd.json"
    facts: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return facts


def _tip(rpc: Rpc, path: str) -> dict[str, Any]:
    try:
        return {
            "height": rpc.call("getblockcount", path=path),
            "id": rpc.call("getbestblockhash", path=path),
        }
    except (RpcFailed, NodeDown) as error:
        return {"height": "", "id": str(error)}


def _mining(rpc: Rpc) -> dict[str, Any]:
    """What the built-in miner does; nothing where there is none."""
    try:
        info: dict[str, Any] = rpc.call("getmininginfo")
    except (RpcFailed, NodeDown):
        return {}
    return info


@click.command("rpc")
@click.argument("method")
@click.argument("params", nargs=-1)
@click.option("--path", default="/", show_default=True, help="/sidechain/NAME or /federation/NAME.")
@home_option
@guarded
def rpc(method: str, params: tuple[str, ...], path: str, home: str) -> None:
    """Call any RPC METHOD. PARAMS are JSON values; what is no JSON is taken as a string.

    \b
    bystack rpc help
    bystack rpc help getblock
    bystack rpc getblock HASH 2
    bystack rpc getreserves --path /sidechain/trade
    """
    result = node(home).call(method, *(_value(text) for text in params), path=path)
    if isinstance(result, str):
        click.echo(harmless(result))  # as bitcoin-cli does: to be used by the next command
    else:
        show(result, as_json=True)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
