"""The files a devnet writes into its nodes' homes: configuration, charter, roster, genesis."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from bystack.client.devnet.layout import Layout, Node
from bystack.client.files import write as write

TOWERS = ("tower-1", "tower-2")
RECOVERY = ("r1", "r2", "r3")
SUPERS = ("super-1", "super-2")
SUPER_WEIGHT = 2
HANG_SECONDS = 900
"""All of a network shares one machine here, and people look at its processes with debuggers."""

CHARTER = """\
# The charter of {name}: who may move what, how fast, and who can stop it.
name = "{name}"

[[tier]]
name = "ordinary"
policy = "bls(operations)"
window = 12
[tier.limit]
BTM = "30"
GOLD = "600"

[[tier]]                                # a super signs too, and the guard has time to object
name = "large"
policy = "all(bls(operations), thresh(1, key(super-1), key(super-2)))"
window = 24
delay = 12
[tier.limit]
BTM = "60"
GOLD = "1200"

[guard]
policy = "thresh(1, key(tower-1), key(tower-2))"
freeze = 100

[govern]
policy = "all(bls(operations), thresh(1, key(super-1), key(super-2)))"
delay = 24

[recover]
policy = "thresh(2, key(r1), key(r2), key(r3))"
idle = 10000
"""


def keep(path: Path, data: bytes) -> None:
    """Write what was agreed once: a file that is there stays, whatever this program would write."""
    if not path.exists():
        write(path, data)


def write_config(layout: Layout, node: Node, federations: list[str]) -> None:
    """`bystack.toml`: ports, peers (everyone dials the first node), memberships.

    What its owner put under `[rpc]`, tokens for instance, is kept.
    """
    path = Path(node.home) / "bystack.toml"
    own = tomllib.loads(path.read_text()).get("rpc", {}) if path.exists() else {}
    first = layout.nodes[0]
    table: dict[str, Any] = {
        "network": "regtest",
        "mainchain": {
            "listen": f"127.0.0.1:{node.main}",
            "peers": [] if node is first else [f"127.0.0.1:{first.main}"],
        },
        "rpc": {**own, "listen": f"127.0.0.1:{node.rpc}"},
        "limits": {"hang_seconds": HANG_SECONDS},
    }
    if federations and node in layout.federated:
        table["federation"] = [
            {
                "name": name,
                "listen": f"127.0.0.1:{node.member[name]}",
                "peers": [
                    f"127.0.0.1:{other.member[name]}"
                    for other in layout.federated[: layout.federated.index(node)]
                ],
                "member_key": f"keys/{name}.member.key",
                "charter": f"federations/{name}.charter.toml",
                **_upstreams(layout, node),
            }
            for name in federations
        ]
    text = "# Written by bystack devnet; see configs/ for commented examples.\n"
    write(path, (text + tomli_w.dumps(table)).encode())


def _upstreams(layout: Layout, node: Node) -> dict[str, Any]:
    """The last member's signer asks that another main-chain node than its own agrees.

    One of them shows how it is done; nobody's payouts wait for it.
    """
    others = [f"127.0.0.1:{other.main}" for other in layout.nodes if other is not node]
    if node is not layout.federated[-1] or not others:
        return {}
    return {"upstreams": 2, "upstream_peers": others[:2]}


def write_sidechain(
    layout: Layout, node: Node, name: str, genesis: dict[str, Any], recipient: str = ""
) -> None:
    """The genesis, then the table that makes the node run the sidechain.

    `recipient`: of the member whose node it is, if it is one's.
    """
    folder = Path(node.home) / "sidechains"
    write(folder / f"{name}.genesis.toml", tomli_w.dumps(genesis).encode())
    before = layout.nodes[: layout.nodes.index(node)]
    table: dict[str, Any] = {
        "name": name,
        "genesis": f"sidechains/{name}.genesis.toml",
        "listen": f"127.0.0.1:{node.side[name]}",
        "peers": [f"127.0.0.1:{other.side[name]}" for other in before],
    }
    if node in layout.validating:
        table["validator_key"] = f"keys/{name}.validator.key"
    if recipient:
        table["recipient"] = recipient
    write(folder / f"{name}.toml", tomli_w.dumps(table).encode())


def weights(members: int) -> list[int]:
    """Two supers of weight 2, the rest ordinary, when there are enough members."""
    return [SUPER_WEIGHT if i < len(SUPERS) and members >= 4 else 1 for i in range(members)]


def threshold(shares: Sequence[int]) -> int:
    """More than two thirds, unless then one member alone could stop every quorum."""
    total = sum(shares)
    return min(2 * total // 3 + 1, total - max(shares))


def roster(
    layout: Layout, name: str, public: dict[str, Any], assets: dict[str, Any]
) -> dict[str, Any]:
    """The roster of a federation, the same for every member."""
    shares = weights(layout.members)
    members = [
        {
            "name": node.name,
            **public[node.name]["members"][name],
            "weight": shares[seat],
            "recipient": public[node.name]["recipient"],
        }
        for seat, node in enumerate(layout.federated)
    ]
    return {
        "threshold": threshold(shares),
        "member": members,
        "keys": public["keys"],
        "assets": assets,
    }


def read_public(folder: Path) -> dict[str, Any]:
    """The public parts of every key the devnet made."""
    found: dict[str, Any] = msgspec.json.decode((folder / "public.json").read_bytes())
    return found


def toml(table: dict[str, Any]) -> bytes:
    """A table as the bytes of a file."""
    return tomli_w.dumps(table).encode()
