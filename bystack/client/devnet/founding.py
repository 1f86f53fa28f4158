"""Launching a devnet step by step, keys first, sidechains last. Each step may be repeated."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import tomli_w

from bystack.client.devnet import files, processes
from bystack.client.devnet.layout import Layout, Node
from bystack.client.devnet.modules import choice, table
from bystack.client.devnet.processes import bystackd
from bystack.client.rpc import PATIENCE, Rpc, RpcFailed, wait_for

BTM = "ff" * 32
MATURE_BLOCKS = 120
SPONSOR_COINS = 3
CONFIRMATIONS = 6
WORKERS = 4
GOLD_SUPPLY = "1000000"
EMPTY_INTERVAL = 2_000

T = TypeVar("T")


class Reporter(Protocol):
    """Shows each step as it happens."""

    def step(
        self,
        name: str,
        work: Callable[[], dict[str, Any]],
        told: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> dict[str, Any]:
        """Do a step, showing its name, time and what `told` makes of its facts; the facts."""
        ...


class Devnet:
    """A devnet's nodes and their RPC."""

    def __init__(self, folder: Path, layout: Layout, empty_interval: int = EMPTY_INTERVAL) -> None:
        self.folder, self.layout = folder, layout
        self.empty_interval = empty_interval
        self.rpcs = {node.name: Rpc(Path(node.home)) for node in layout.everyone}

    def __getitem__(self, number: int) -> Rpc:
        return self.rpcs[self.layout.nodes[number].name]

    @property
    def everyone(self) -> list[Rpc]:
        """Every node's RPC in order."""
        return [self.rpcs[node.name] for node in self.layout.nodes]

    def mine(self, blocks: int) -> int:
        """Mine on the first node, wait until every node follows; the height."""
        self[0].generatetoaddress(blocks, self.miner_address())
        return self.synced()

    def miner_address(self) -> str:
        """Where the first node's rewards go."""
        path = self.folder / "miner"
        if not path.exists():
            files.write(path, str(self[0].getnewaddress()).encode())
        return path.read_text()

    def synced(self) -> int:
        """Wait until all nodes have the first node's main-chain tip; its height."""
        tip = self[0].getbestblockhash()
        self.each("main chains agree", lambda rpc: rpc.getbestblockhash() == tip)
        return int(self[0].getblockcount())

    def each(
        self, what: str, probe: Callable[[Rpc], T | None], seconds: float = PATIENCE
    ) -> list[T]:
        """Wait for every node's first true answer."""
        return [wait_for(what, partial(probe, rpc), seconds) for rpc in self.everyone]

    def all_members(self, what: str, probe: Callable[[Rpc], T | None]) -> list[T]:
        """Wait for every member's first true answer."""
        return [wait_for(what, partial(probe, rpc)) for rpc in self.members()]

    def members(self) -> list[Rpc]:
        """The RPC of the nodes that are members of the federations."""
        return [self.rpcs[node.name] for node in self.layout.federated]


def found(net: Devnet, report: Reporter) -> None:
    """Run every launch step that has not left its result yet."""
    report.step("keys and charters", lambda: make_homes(net))
    report.step("main chain", lambda: start_main(net))
    report.step("issue GOLD", lambda: issue_gold(net))
    report.step("memberships", lambda: join(net))
    for name in net.layout.sidechains:
        report.step(f"key generation {name}", partial(generate_key, net, name))
    for name in net.layout.sidechains:
        report.step(f"vault {name}", partial(found_vault, net, name))
    for name in net.layout.sidechains:
        report.step(f"genesis {name}", partial(write_genesis, net, name))
    report.step("sidechains", lambda: start_sidechains(net))


def make_homes(net: Devnet) -> dict[str, Any]:
    """Homes, keys of validators, members, supers; guards and recovery keys elsewhere."""
    if (net.folder / "public.json").exists():
        return {"nodes": len(net.layout.nodes)}
    named = dict(zip((node.name for node in net.layout.federated), files.SUPERS, strict=False))
    makers = [
        partial(_make_home, net.layout, node, named.get(node.name)) for node in net.layout.nodes
    ]
    makers += [
        partial(make_keys, net.folder / "towers", _wanted("named", files.TOWERS)),
        partial(make_keys, net.folder / "recovery", _wanted("named", files.RECOVERY)),
    ]
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        made = list(pool.map(lambda make: make(), makers))
    public: dict[str, Any] = {"keys": {}}
    for node, parts in zip(net.layout.nodes, made, strict=False):
        public[node.name] = {"validators": parts["validator"], "members": parts["member"]}
    for parts in made:
        public["keys"] |= {name: one["key"] for name, one in parts.get("named", {}).items()}
    for node in net.layout.nodes:
        files.write_config(net.layout, node, [])
    files.write(net.folder / "public.json", msgspec.json.encode(public))
    return {"nodes": len(net.layout.nodes)}


def _wanted(kind: str, names: Iterable[str]) -> list[str]:
    return [f"{kind}:{name}" for name in names]


def _make_home(layout: Layout, node: Node, named: str | None) -> dict[str, Any]:
    bystackd("init", "--home", node.home, "--network", "regtest")
    wanted = [*_wanted("validator", layout.sidechains), *_wanted("member", layout.sidechains)]
    return make_keys(Path(node.home), wanted + _wanted("named", [named] if named else []))


def make_keys(home: Path, wanted: list[str]) -> dict[str, Any]:
    """Key files in a home; their public parts by kind and name."""
    os.makedirs(home, mode=0o700, exist_ok=True)
    output = bystackd("key", "new", *wanted, "--home", str(home), "--cheap")
    parts: dict[str, Any] = msgspec.json.decode(output)
    return parts


def start_main(net: Devnet) -> dict[str, Any]:
    """Start every daemon, open a wallet on each, mine past the maturity of the first rewards."""
    for node in net.layout.nodes:
        processes.start(node)
    for node in net.layout.nodes:
        processes.wait_started(node)
    net.each("wallet", _open_wallet)
    height = int(wait_for("main chain", lambda: net[0].getblockchaininfo())["blocks"])
    missing = MATURE_BLOCKS - height
    return {"height": net.mine(missing) if missing > 0 else net.synced()}


def _open_wallet(rpc: Rpc) -> bool:
    try:
        rpc.createwallet("default")
    except RpcFailed:
        rpc.getbalance()
    return True


def issue_gold(net: Devnet) -> dict[str, Any]:
    """Issue GOLD on the main chain to the first node's wallet."""
    path = net.folder / "gold"
    if not path.exists():
        asset = net[0].issueasset("GOLD", GOLD_SUPPLY, 2)["asset"]
        files.write(path, str(asset).encode())
        net.mine(1)
    asset = path.read_text()
    shown = wait_for("GOLD on another node", lambda: net[1].getassetinfo(asset))
    return {"asset": asset, "issued": str(shown["issued_value"])}


def assets_of(net: Devnet) -> dict[str, dict[str, Any]]:
    """The assets by name, as rosters and geneses list them."""
    gold = (net.folder / "gold").read_text()
    return {"BTM": {"id": BTM, "decimals": 8}, "GOLD": {"id": gold, "decimals": 2}}


def join(net: Devnet) -> dict[str, Any]:
    """Give every member charter and roster, and start the memberships."""
    public = files.read_public(net.folder)
    for node in net.layout.federated:
        public[node.name]["recipient"] = recipient_of(net, node)
    for name in net.layout.sidechains:
        table = tomli_w.dumps(files.roster(net.layout, name, public, assets_of(net)))
        for node in net.layout.nodes:
            folder = Path(node.home) / "federations"
            files.keep(folder / f"{name}.charter.toml", files.CHARTER.format(name=name).encode())
            files.keep(folder / f"{name}.roster.toml", table.encode())
    for node in net.layout.nodes:
        files.write_config(net.layout, node, net.layout.sidechains)
        processes.reload(node)
    return {name: _charter_hash(net, name) for name in net.layout.sidechains}


def recipient_of(net: Devnet, node: Node) -> str:
    """A policy root of the node's own wallet: where its fees go."""
    path = net.folder / f"recipient-{node.name}"
    if not path.exists():
        address = net.rpcs[node.name].getnewaddress()
        info = net.rpcs[node.name].getaddressinfo(address)
        files.write(path, str(info["root"]).encode())
    return path.read_text()


def _charter_hash(net: Devnet, name: str) -> str:
    infos = [
        wait_for("members start", partial(rpc.federation, name, "getfederationinfo"))
        for rpc in net.members()
    ]
    return str(infos[0]["charter"])


def generate_key(net: Devnet, name: str) -> dict[str, Any]:
    """Every member's operator starts the key generation; wait until all hold the key."""
    members = net.members()
    for rpc in members:
        info = rpc.federation(name, "getfederationinfo")
        if not info["key"] and info["keygen"] != "running":
            rpc.federation(name, "keygen")

    def keys() -> set[str] | None:
        found = {rpc.federation(name, "getfederationinfo")["key"] for rpc in members}
        return None if None in found else found

    found = wait_for(f"group key of {name}", keys, 2 * PATIENCE)
    assert len(found) == 1, "members hold different keys"
    return {"key": found.pop()}


def found_vault(net: Devnet, name: str) -> dict[str, Any]:
    """Fund the sponsors, have every policy sign the creation, send it."""
    path = net.folder / f"vault-{name}.json"
    if not path.exists():
        _fund_sponsors(net, name)
        drafted = net[0].federation(name, "buildvaultoperation", "create")
        signatures = _offline(net, drafted["digest"])

        def submit() -> Any:
            return net[0].federation(name, "submitvaultoperation", signatures)

        made = wait_for(f"signatures for {name}", submit)
        files.write(path, msgspec.json.encode(made))
        net.mine(CONFIRMATIONS + 1)
    facts: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    shown = wait_for("the vault on another node", lambda: net[1].getvault(facts["vault"]))
    return {**facts, "seq": shown["state"]["seq"]}


def _fund_sponsors(net: Devnet, name: str) -> None:
    for node in net.layout.federated:
        info = net.rpcs[node.name].federation(name, "getfederationinfo")
        for _ in range(SPONSOR_COINS):
            net[0].sendtoaddress(info["sponsor"]["address"], "0.5")
    net.mine(1)
    for rpc in net.members():
        wait_for("sponsor funded", partial(_purse, rpc, name))


def _purse(rpc: Rpc, name: str) -> int:
    return int(rpc.federation(name, "getfederationinfo")["sponsor"]["balance"])


def _offline(net: Devnet, digest: str) -> dict[str, str]:
    """Guards and recovery sign with their own key files, away from any node."""
    holders = [("towers", name) for name in files.TOWERS]
    holders += [("recovery", name) for name in files.RECOVERY[:2]]
    signatures = {}
    for folder, name in holders:
        path = net.folder / folder / "keys" / f"{name}.named.key"
        signatures[name] = bystackd("key", "sign", str(path), "--digest", digest, "--cheap").strip()
    return signatures


def write_genesis(net: Devnet, name: str) -> dict[str, Any]:
    """The sidechain's genesis, built by a member, compared by all."""
    path = net.folder / f"genesis-{name}.json"
    if not path.exists():
        creation = msgspec.json.decode((net.folder / f"vault-{name}.json").read_bytes())["txid"]
        spec = genesis_spec(net, name, creation)
        built = [
            net.rpcs[node.name].federation(name, "buildgenesis", spec)
            for node in net.layout.federated
        ]
        assert len({one["id"] for one in built}) == 1, "members build different geneses"
        files.write(path, msgspec.json.encode(built[0]))
    return {"sidechain": msgspec.json.decode(path.read_bytes())["id"]}


def genesis_spec(net: Devnet, name: str, creation: str) -> dict[str, Any]:
    """What people decide about a devnet's sidechain; amounts in smallest units."""
    public = files.read_public(net.folder)
    units = {"BTM": 10**8, "GOLD": 10**2}
    return {
        "name": name,
        "hrp": name[:8].replace("-", ""),
        "creation": creation,
        "time": int(time.time() * 1000),
        "validators": [public[node.name]["validators"][name] for node in net.layout.validating],
        "assets": [
            {
                "name": asset,
                "id": facts["id"],
                "decimals": facts["decimals"],
                "confirmations": CONFIRMATIONS,
                "pegin_minimum": units[asset] // 10,
                "pegin_limit": 1_000_000 * units[asset],
                "pegout_minimum": units[asset] // 10,
                "pegout_fee": units[asset] // 100,
                "fee": 1 if asset == "GOLD" else 1000,
            }
            for asset, facts in assets_of(net).items()
        ],
        "lag_pause": 0,
        "lag_stop": 0,
        "empty_interval": net.empty_interval,
        "finality": 1,
        "modules": [table(one) for one in net.layout.modules],
        **dict(choice(one) for one in net.layout.choices),
    }


def start_sidechains(net: Devnet) -> dict[str, Any]:
    """Add the sidechains to every running node; wait until all have final blocks."""
    geneses = {name: _genesis_facts(net, name) for name in net.layout.sidechains}
    for node in net.layout.nodes:
        for name, facts in geneses.items():
            own = recipient_of(net, node) if node in net.layout.federated else ""
            files.write_sidechain(net.layout, node, name, facts["genesis"], own)
        processes.reload(node)
    heights = {}
    for name in geneses:
        heights[name] = min(net.each(f"{name} starts", partial(_height, name), 120))
    return heights


def _genesis_facts(net: Devnet, name: str) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.json.decode((net.folder / f"genesis-{name}.json").read_bytes())
    return facts


def _height(name: str, rpc: Rpc) -> int:
    return int(rpc.side(name, "getblockcount"))
