"""One more sidechain for a running devnet, launched as its operators would, while the others serve.

Keys and public parts on every node, charter, roster and specification from them, memberships, key
generation, vault, genesis, sidechain: no process that ran before is started anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bystack.client import hosting, tables
from bystack.client.devnet import files
from bystack.client.devnet.founding import (
    WORKERS,
    Devnet,
    Reporter,
    assets_of,
    found_vault,
    generate_key,
    make_keys,
    recipient_of,
)
from bystack.client.devnet.layout import Layout, Node, free_ports, write_layout
from bystack.client.devnet.modules import choice
from bystack.client.sidechain_new.checking import faults_of
from bystack.client.sidechain_new.choices import Choices, ChosenAsset
from bystack.client.sidechain_new.operators import Operator
from bystack.client.sidechain_new.writing import Written, written
from bystack.client.tables import TableRefused, params_in
from bystack.node.config.tables import Sidechain

T = TypeVar("T")

LIMITS = {"BTM": "30", "GOLD": "600"}


def add(net: Devnet, name: str, report: Reporter, now: int, modules: Sequence[str] = ()) -> Devnet:
    """Launch the sidechain `name`, or go on where that ended; the devnet with it.

    `now`: its first moment in milliseconds. Raises `TableRefused` where name or files do not fit.
    """
    grown = net if name in net.layout.added else _grown(net, name)
    report.step(f"charter and roster of {name}", lambda: _describe(grown, name, now, modules))
    report.step(f"memberships {name}", lambda: _join(grown, name))
    report.step(f"key generation {name}", partial(generate_key, grown, name))
    report.step(f"vault {name}", partial(found_vault, grown, name))
    report.step(f"genesis {name}", lambda: _genesis(grown, name))
    report.step(f"sidechain {name}", lambda: _start(grown, name))
    return grown


def remove(net: Devnet, name: str) -> Devnet:
    """Stop running an added sidechain on every node; raises `TableRefused`."""
    if name not in net.layout.added:
        raise TableRefused(f"{name} was not added to this devnet; added: {net.layout.added}")
    for node in net.layout.nodes:
        hosting.remove(Path(node.home), name, with_membership=node in net.layout.federated)
    rest = [one for one in net.layout.added if one != name]
    layout = msgspec.structs.replace(net.layout, added=rest)
    write_layout(net.folder, layout)
    return Devnet(net.folder, layout, net.empty_interval)


def _check_name(layout: Layout, name: str) -> None:
    try:
        msgspec.convert({"name": name, "genesis": "g"}, Sidechain)
    except msgspec.ValidationError as error:
        raise TableRefused(f"{name}: {error}") from None
    if name in layout.chains or any(name in node.side for node in layout.nodes):
        raise TableRefused(f"{name} is, or was, a sidechain of this devnet; choose another name")


def _grown(net: Devnet, name: str) -> Devnet:
    """The devnet with ports for one more sidechain, written down."""
    _check_name(net.layout, name)
    ports = iter(free_ports(2 * len(net.layout.nodes)))
    nodes = [
        msgspec.structs.replace(
            node,
            side={**node.side, name: next(ports)},
            member={**node.member, name: next(ports)},
        )
        for node in net.layout.nodes
    ]
    added = [*net.layout.added, name]
    layout = msgspec.structs.replace(net.layout, nodes=nodes, added=added)
    write_layout(net.folder, layout)
    return Devnet(net.folder, layout, net.empty_interval)


def _describe(net: Devnet, name: str, now: int, modules: Sequence[str]) -> dict[str, Any]:
    last = Path(net.layout.nodes[-1].home)
    if (last / "sidechains" / f"{name}.spec.toml").exists():
        return {"operators": net.layout.members}
    operators = _each(net.layout.federated, lambda node: _operator(net, node, name))
    apart = [node for node in net.layout.validating if node not in net.layout.federated]
    public = files.read_public(net.folder)
    assets = [
        ChosenAsset(asset, facts["id"], facts["decimals"], LIMITS[asset])
        for asset, facts in assets_of(net).items()
    ]
    choices = Choices(
        name=name,
        network="regtest",
        assets=tuple(assets),
        operators=tuple(operators),
        validators=tuple(_operator(net, node, name) for node in apart),
        modules=tuple(modules),
        numbers={"empty_interval": net.empty_interval, **_numbers(net.layout)},
        keys=public["keys"],
    )
    made = written(choices, now)
    _judge(net, made)
    for node in net.layout.nodes:
        for where, text in made.places(name).items():
            files.write(Path(node.home) / where, text.encode())
    return {"operators": len(operators)}


def _each(nodes: Sequence[Node], work: Callable[[Node], T]) -> list[T]:
    """The work done for each node at one time; its results in their order."""
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        return list(pool.map(work, nodes))


def _numbers(layout: Layout) -> dict[str, int | str]:
    """What the other sidechains' geneses say of the engine, where no module is meant."""
    chosen = dict(choice(one) for one in layout.choices)
    return {key: value for key, value in chosen.items() if key != "election"}


def _judge(net: Devnet, made: Written) -> None:
    if faults := faults_of(made, params_in(Path(net.layout.nodes[0].home))):
        raise TableRefused("\n".join(map(str, faults)))


def _operator(net: Devnet, node: Node, name: str) -> Operator:
    """A node's keys for the new sidechain, and their public parts."""
    kept = net.folder / f"public-{name}-{node.name}.json"
    if not kept.exists():
        wanted = [f"member:{name}"]
        wanted += [f"validator:{name}"] if node in net.layout.validating else []
        files.write(kept, msgspec.json.encode(make_keys(Path(node.home), wanted)))
    parts = msgspec.json.decode(kept.read_bytes())
    facts = {"name": node.name, "recipient": recipient_of(net, node), **parts}
    return msgspec.convert(facts, Operator)


def _join(net: Devnet, name: str) -> dict[str, Any]:
    members = net.layout.federated
    for number, node in enumerate(members):
        home = Path(node.home)
        if not tables.table_path(home, tables.FEDERATIONS, name).exists():
            peers = [f"127.0.0.1:{other.member[name]}" for other in members[:number]]
            hosting.membership(home, name, f"127.0.0.1:{node.member[name]}", peers)
    up = net.all_members("members start", lambda rpc: rpc.federation(name, "getfederationinfo"))
    return {"members": len(up)}


def _genesis(net: Devnet, name: str) -> dict[str, Any]:
    """Built by every member from the specification; the vault is found by its terms."""
    path = net.folder / f"genesis-{name}.json"
    if path.exists():
        return {"sidechain": msgspec.json.decode(path.read_bytes())["id"]}
    spec = Path(net.layout.nodes[0].home) / "sidechains" / f"{name}.spec.toml"
    said = msgspec.toml.decode(spec.read_bytes())
    built = [rpc.federation(name, "buildgenesis", said) for rpc in net.members()]
    assert len({one["id"] for one in built}) == 1, "members build different geneses"
    for node in net.layout.nodes:
        text = files.toml(built[0]["genesis"])
        files.write(Path(node.home) / "sidechains" / f"{name}.genesis.toml", text)
    files.write(path, msgspec.json.encode(built[0]))
    return {"sidechain": built[0]["id"]}


def _start(net: Devnet, name: str) -> dict[str, Any]:
    """Every node takes it up; whoever ran before runs on."""
    # What msgspec knows of a class must be made by one thread: two at once end the process.
    hosting.read_genesis(Path(net.layout.nodes[0].home) / "sidechains" / f"{name}.genesis.toml")
    untouched = sum(_each(net.layout.nodes, lambda node: _take_up(net, node, name)))
    first = net.each(f"{name} grows", lambda rpc: rpc.side(name, "getblockcount"), 120)
    return {"height": min(first), "untouched": untouched}


def _take_up(net: Devnet, node: Node, name: str) -> int:
    """How many other processes of the node ran on."""
    home, nodes = Path(node.home), net.layout.nodes
    if tables.table_path(home, tables.SIDECHAINS, name).exists():
        return 0
    table: dict[str, Any] = {
        "listen": f"127.0.0.1:{node.side[name]}",
        "peers": [f"127.0.0.1:{other.side[name]}" for other in nodes[: nodes.index(node)]],
    }
    if node in net.layout.validating:
        table["validator_key"] = f"keys/{name}.validator.key"
    if node in net.layout.federated:
        table["recipient"] = recipient_of(net, node)
    genesis = home / "sidechains" / f"{name}.genesis.toml"
    made = hosting.add(home, genesis, name, table, net.rpcs[node.name])
    assert not made.restarted, f"{made.restarted} of {node.name} were started anew"
    return made.untouched
