"""One more sidechain for a running devnet, launched as its operators would, while the others serve.

Keys and public parts on every node, charter, roster and specification from them, memberships, key
generation, vault, genesis, sidechain: no process that ran before is started anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bystack.client import hosting
from bystack.client.devnet import files
from bystack.client.devnet.founding import (
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

LIMITS = {"BTM": "30", "GOLD": "600"}


def add(net: Devnet, name: str, report: Reporter, now: int, modules: Sequence[str] = ()) -> Devnet:
    """Launch the sidechain `name`; the devnet with it. `now` is its first moment in milliseconds.

    Raises `TableRefused` where the name or the files do not fit.
    """
    _check_name(net.layout, name)
    grown = Devnet(net.folder, _grown(net.layout, name), net.empty_interval)
    report.step(f"charter and roster of {name}", lambda: _describe(grown, name, now, modules))
    report.step("memberships", lambda: _join(grown, name))
    report.step(f"key generation {name}", partial(generate_key, grown, name))
    report.step(f"vault {name}", partial(found_vault, grown, name))
    report.step(f"genesis {name}", lambda: _genesis(grown, name))
    report.step(f"sidechain {name}", lambda: _start(grown, name))
    write_layout(grown.folder, grown.layout)
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


def _grown(layout: Layout, name: str) -> Layout:
    ports = iter(free_ports(2 * len(layout.nodes)))
    nodes = [
        msgspec.structs.replace(
            node,
            side={**node.side, name: next(ports)},
            member={**node.member, name: next(ports)},
        )
        for node in layout.nodes
    ]
    return msgspec.structs.replace(layout, nodes=nodes, added=[*layout.added, name])


def _describe(net: Devnet, name: str, now: int, modules: Sequence[str]) -> dict[str, Any]:
    operators = [_operator(net, node, name) for node in net.layout.federated]
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


def _numbers(layout: Layout) -> dict[str, int | str]:
    """What the other sidechains' geneses say of the engine, where no module is meant."""
    chosen = dict(choice(one) for one in layout.choices)
    return {key: value for key, value in chosen.items() if key != "election"}


def _judge(net: Devnet, made: Written) -> None:
    if faults := faults_of(made, params_in(Path(net.layout.nodes[0].home))):
        raise TableRefused("\n".join(map(str, faults)))


def _operator(net: Devnet, node: Node, name: str) -> Operator:
    """A node's keys for the new sidechain, and their public parts."""
    wanted = [f"member:{name}"]
    wanted += [f"validator:{name}"] if node in net.layout.validating else []
    parts = make_keys(Path(node.home), wanted)
    facts = {"name": node.name, "recipient": recipient_of(net, node), **parts}
    return msgspec.convert(facts, Operator)


def _join(net: Devnet, name: str) -> dict[str, Any]:
    members = net.layout.federated
    for number, node in enumerate(members):
        peers = [f"127.0.0.1:{other.member[name]}" for other in members[:number]]
        listen = f"127.0.0.1:{node.member[name]}"
        hosting.membership(Path(node.home), name, listen, peers)
    return {"members": len(members)}


def _genesis(net: Devnet, name: str) -> dict[str, Any]:
    """Built by every member from the specification; the vault is found by its terms."""
    spec = Path(net.layout.nodes[0].home) / "sidechains" / f"{name}.spec.toml"
    said = msgspec.toml.decode(spec.read_bytes())
    built = [rpc.federation(name, "buildgenesis", said) for rpc in net.members()]
    assert len({one["id"] for one in built}) == 1, "members build different geneses"
    files.write(net.folder / f"genesis-{name}.json", msgspec.json.encode(built[0]))
    for node in net.layout.nodes:
        text = files.toml(built[0]["genesis"])
        files.write(Path(node.home) / "sidechains" / f"{name}.genesis.toml", text)
    return {"sidechain": built[0]["id"]}


def _start(net: Devnet, name: str) -> dict[str, Any]:
    """Each node takes it up in turn; whoever ran before runs on."""
    untouched = 0
    for number, node in enumerate(net.layout.nodes):
        table: dict[str, Any] = {
            "listen": f"127.0.0.1:{node.side[name]}",
            "peers": [f"127.0.0.1:{other.side[name]}" for other in net.layout.nodes[:number]],
        }
        if node in net.layout.validating:
            table["validator_key"] = f"keys/{name}.validator.key"
        home, rpc = Path(node.home), net.rpcs[node.name]
        genesis = home / "sidechains" / f"{name}.genesis.toml"
        made = hosting.add(home, genesis, name, table, rpc)
        assert not made.restarted, f"{made.restarted} of {node.name} were started anew"
        untouched += made.untouched
    return {"id": made.id, "untouched": untouched}
