"""Bringing a devnet up, telling how it stands, taking it down."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bystack.client.devnet import guarding, processes
from bystack.client.devnet.founding import EMPTY_INTERVAL, Devnet, Reporter, found
from bystack.client.devnet.layout import Layout, Node, new_layout, read_layout
from bystack.client.devnet.modules import choice, table
from bystack.client.rpc import Glance, NodeDown, Rpc, RpcFailed


class LayoutFixed(Exception):
    """An existing devnet has another shape than the one asked for."""


class NoDevnet(Exception):
    """There is no devnet in this directory."""


class Shape(NamedTuple):
    """How many sidechains, and validators and members of each."""

    sidechains: int
    validators: int
    members: int


USUAL = Shape(2, 4, 5)


def up(
    folder: Path,
    wanted: Sequence[int | None],
    report: Reporter,
    empty_interval: int = EMPTY_INTERVAL,
    modules: Sequence[str] = (),
    choices: Sequence[str] = (),
    *,
    guard: bool = False,
) -> Devnet:
    """Make the network, or start what is missing of an existing one; with a `guard`, if asked for.

    `wanted` is a `Shape` with None where nothing is asked for; `empty_interval` (milliseconds),
    `modules` (see `modules.table`) and `choices` (see `modules.choice`) go into a sidechain's
    genesis. Raises `LayoutFixed`, and `ValueError` for what cannot be chosen.
    """
    layout = read_layout(folder)
    if layout is None:
        shape = Shape(*(given or n for given, n in zip(wanted, USUAL, strict=True)))
        for one in choices:
            choice(one)
        for one in modules:
            table(one)
        layout = new_layout(folder, *shape, modules, choices)
    if modules and list(modules) != layout.modules:
        raise LayoutFixed(f"the sidechains of {folder} have the modules {layout.modules}")
    if choices and list(choices) != layout.choices:
        raise LayoutFixed(f"the sidechains of {folder} were made with {layout.choices}")
    fixed = Shape(len(layout.sidechains), layout.validators, layout.members)
    if any(given not in (None, n) for given, n in zip(wanted, fixed, strict=True)):
        raise LayoutFixed(f"{folder} holds {fixed}; ask for the same, or choose another directory")
    net = Devnet(folder, layout, empty_interval)
    found(net, report)
    return guarding.add(net, report) if guard or layout.guards else net


def opened(folder: Path) -> Devnet:
    """The devnet in `folder`; raises `NoDevnet`."""
    layout = read_layout(folder)
    if layout is None:
        raise NoDevnet(f"{folder}: no devnet here; make one with bystack devnet up --dir {folder}")
    return Devnet(folder, layout)


def down(folder: Path, *, remove: bool = False) -> list[str]:
    """Stop every node; with `remove`, delete the directory too. The nodes that were running."""
    net = opened(folder)
    live = [node for node in net.layout.everyone if processes.running(node)]
    with ThreadPoolExecutor(max_workers=max(1, len(live))) as pool:
        list(pool.map(processes.stop, live))
    if remove:
        shutil.rmtree(folder)
    return [node.name for node in live]


def status(net: Devnet) -> dict[str, Any]:
    """Nodes with their processes and the height and tip of each chain as each node has them."""
    nodes = net.layout.everyone
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:  # one that hangs holds up none
        return {"nodes": list(pool.map(partial(_node, net), nodes))}


def _node(net: Devnet, node: Node) -> dict[str, Any]:
    facts = processes.facts_of(node) if processes.running(node) else {}
    rows = [{"role": "bystackd", "name": "", "pid": facts.get("pid", 0), "state": _state(facts)}]
    for row in facts.get("processes", []):
        rows.append({key: row.get(key) for key in ("role", "name", "pid", "state")})
    return {
        "name": node.name,
        "home": node.home,
        "rpc": facts.get("url", ""),
        "processes": rows,
        "chains": _chains(net, Glance(Path(node.home))) if facts else {},
    }


def _state(facts: dict[str, Any]) -> str:
    return str(facts.get("state", "running")) if facts else "stopped"


def _chains(net: Devnet, rpc: Rpc) -> dict[str, Any]:
    """A node that hangs is asked once, and told for what it is."""
    paths = {"main": "/", **{name: f"/sidechain/{name}" for name in net.layout.chains}}
    try:
        rpc.call("help")
    except RpcFailed:
        pass  # it lives; which of its processes does not is shown
    except NodeDown as error:
        return {name: _untold(error) for name in paths}
    return {name: _chain(rpc, path) for name, path in paths.items()}


def _chain(rpc: Rpc, path: str) -> dict[str, Any]:
    try:
        height = rpc.call("getblockcount", path=path)
        return {"height": height, "id": rpc.call("getblockhash", height, path=path)}
    except (RpcFailed, NodeDown) as error:
        return _untold(error)


def _untold(error: Exception) -> dict[str, Any]:
    return {"height": None, "id": None, "error": str(error)}


__all__ = ["Devnet", "Layout", "NoDevnet", "down", "opened", "status", "up"]
