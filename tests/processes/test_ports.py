"""Malformed bytes on every port and socket of a live node; who may reach it; what it tells.

Refused with a reason, the peer scored, the process alive, memory bounded; nothing but loopback;
secrets in files of mode 0600 and nowhere else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from bystack.client.devnet import processes
from bystack.client.devnet.layout import Node
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from bystack.mainchain.params import REGTEST, chain_id
from bystack.node.mainchain.wire import BLOCK_KIND, GOSSIP, TOPIC, host_config
from bystack.p2p.gossip import payload_cap
from bystack.sidechain.messages import CAPS
from tests.processes.histories import genesis_of
from tests.processes.looking import datagrams, listening, memory_kb, mode, shown
from tests.processes.network import best, grow, processes_of, reach
from tests.processes.strangers import (
    FRAMES,
    RUBBISH,
    Stranger,
    at_port,
    at_socket,
    in_tls,
    member_of,
)

pytestmark = pytest.mark.processes

GROWTH_KB = 64 * 1024
UNKNOWN_KIND = 250
VICTIM = 1
ANOTHER = 2


@pytest.fixture
def node(network: Devnet) -> Iterator[Node]:
    """The node under attack: the same processes before and after, not much larger, and working."""
    victim = network.layout.nodes[VICTIM]
    before = {one.pid: memory_kb(one.pid) for one in processes_of(victim)}
    yield victim
    assert {one.pid for one in processes_of(victim)} == set(before), "a process died"
    grown = {pid: memory_kb(pid) - size for pid, size in before.items()}
    assert max(grown.values()) < GROWTH_KB, grown
    network.mine(1)
    grow(network, [victim], network.layout.sidechains)
    reach(network, victim, best(network))


def peer_ports(node: Node) -> dict[str, int]:
    """The ports other nodes speak to, by the process that listens."""
    sides = {f"sidechain-{name}": port for name, port in node.side.items()}
    members = {f"federation-{name}": port for name, port in node.member.items()}
    return {"mainchain": node.main, **sides, **members}


def log_of(node: Node, label: str) -> list[dict[str, Any]]:
    """What a process logged."""
    lines = (Path(node.home) / "logs" / f"{label}.log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def refusals(node: Node, label: str) -> list[dict[str, Any]]:
    """The peers a process refused, with reasons."""
    return [line for line in log_of(node, label) if line["event"] == "peer refused"]


def _refused(node: Node, label: str, count: int) -> bool:
    return len(refusals(node, label)) >= count


def test_rubbish_on_peer_ports_is_refused_with_a_reason(node: Node) -> None:
    for label, port in peer_ports(node).items():
        before = len(refusals(node, label))
        for data in RUBBISH:
            at_port(port, data)
        for data in FRAMES:
            in_tls(port, data)
        wanted = before + len(RUBBISH) + len(FRAMES)
        wait_for(f"{label} refused", partial(_refused, node, label, wanted))
        assert all(line["reason"] for line in refusals(node, label)[before:])


def provoke(
    what: str, meet: Callable[[], Stranger], kind: int, payload: bytes, seen: Callable[[], set[str]]
) -> None:
    """Say it as one stranger after another, until one is `seen`: a slow handshake is given up."""
    met = set[str]()

    def once() -> bool:
        stranger = meet()
        met.add(stranger.id)
        assert stranger.say(kind, payload, 2) != ""
        return bool(met & seen())

    wait_for(what, once)


def test_a_peer_that_breaks_rules_is_scored_and_banned(network: Devnet, node: Node) -> None:
    rpc = network.rpcs[node.name]
    caps = {**host_config(REGTEST, "", ()).caps, UNKNOWN_KIND: 1000}
    meet = partial(member_of, node.main, chain_id(REGTEST), REGTEST.magic, caps)

    def banned() -> set[str]:
        return {row["address"] for row in rpc.listbanned()}

    provoke("the ban", meet, BLOCK_KIND, b"\xff" * 500, banned)

    def refused() -> bool:
        assert meet().say(UNKNOWN_KIND, b"?", 1) != ""
        return bool(rpc.getnetworkinfo()["refused"].get("UnknownKind"))

    wait_for("the refusal", refused)
    assert all(row["banscore"] == 0 for row in rpc.getpeerinfo()), "honest peers bear nothing"


def test_a_sidechain_scores_its_peers_too(node: Node) -> None:
    genesis = genesis_of(Path(node.home), "trade")
    caps = {**CAPS, GOSSIP: payload_cap([TOPIC])}
    meet = partial(member_of, node.side["trade"], genesis.id, REGTEST.magic, caps)

    def scored() -> set[str]:
        told = log_of(node, "sidechain-trade")
        return {line["peer"] for line in told if line["event"] == "peer penalised"}

    provoke("the score", meet, min(CAPS), b"\xff" * 50, scored)


def test_a_federation_admits_members_only(network: Devnet, node: Node) -> None:
    charter = network.rpcs[node.name].federation("trade", "getfederationinfo")["charter"]
    chain = bytes.fromhex(charter)
    known: list[str] = []

    def refused() -> bool:
        stranger = member_of(node.member["trade"], chain, REGTEST.magic, {})
        known.append(stranger.id)
        # As long as the machine needs for a handshake that comes to nothing.
        said = stranger.say(UNKNOWN_KIND, b"", 0, seconds=3 * len(known))
        assert said == "", "it was never connected"
        told = [str(line["reason"]) for line in refusals(node, "federation-trade")]
        return any("NotAllowed" in reason and id in reason for reason in told for id in known)

    wait_for("the refusal", refused)


def test_the_rpc_port_refuses_with_a_reason(network: Devnet, node: Node) -> None:
    url = str(processes.facts_of(node)["url"])
    user, secret = (Path(node.home) / ".cookie").read_text().split(":", 1)
    for data in RUBBISH:
        at_port(node.rpc, data)
    known = httpx.Client(base_url=url, auth=(user, secret), timeout=180)
    good = {"jsonrpc": "2.0", "id": 1, "method": "getblockcount", "params": []}
    with known, httpx.Client(base_url=url, timeout=180) as unknown:
        assert unknown.post("/", json=good).status_code == 401
        assert unknown.post("/", json=good, auth=("__cookie__", "wrong")).status_code == 401
        assert known.post("/", json=good, headers={"Host": "evil.example"}).status_code == 403
        origin = {"Origin": "http://evil.example"}
        assert known.post("/", json=good, headers=origin).status_code == 403
        assert known.post("/nowhere", json=good).status_code == 404
        for body in (b"", b"{", b"\xff" * 1000, b"[]", b"[" * 100_000, b'{"method": 7}'):
            answer = known.post("/", content=body)
            assert answer.status_code in (200, 400), body[:20]
            assert answer.json()["error"]["message"], body[:20]
        assert known.post("/", content=b" " * 80_000_000).status_code == 413
        for path in ("/", "/sidechain/trade", "/federation/games"):
            answer = known.post(path, json={**good, "method": "getblockcount", "params": [1] * 50})
            assert answer.json()["error"]["code"] < 0
        assert known.post("/", json=good).json()["result"] == network[0].getblockcount()


def test_private_sockets_refuse_rubbish(node: Node) -> None:
    sockets = sorted((Path(node.home) / "run").glob("*.sock"))
    assert len(sockets) >= 10
    for path in sockets:
        for data in (*FRAMES, b"\x00\x00\x00\x02\xc1\xc1", os.urandom(2000), b"\xff" * 200_000):
            at_socket(path, data)


def test_hostile_lengths_cost_no_memory(node: Node) -> None:
    flood = b"\x7f\xff\xff\xff" + b"A" * 2_000_000
    for port in (*peer_ports(node).values(), node.rpc):
        at_port(port, flood)
    for path in sorted((Path(node.home) / "run").glob("*.sock")):
        at_socket(path, flood)


def test_nothing_listens_beyond_loopback(network: Devnet) -> None:
    for node in network.layout.nodes:
        expected = {**peer_ports(node), "bystackd": node.rpc}
        for one in processes_of(node):
            label = f"{one.role}-{one.name}" if one.name else one.role
            wanted = [("127.0.0.1", expected[label])] if label in expected else []
            assert listening(one.pid) == wanted, label
            assert datagrams(one.pid) == set(), label


def test_only_the_owner_can_read_a_node(network: Devnet) -> None:
    for node in network.layout.nodes:
        home = Path(node.home)
        for folder in ("", "run", "keys", "data", "logs", "tokens"):
            assert mode(home / folder) == 0o700, folder
        secrets = [home / ".cookie", *home.rglob("*.key"), *home.glob("run/*.sock")]
        secrets += home.rglob("*.journal")
        assert len(secrets) > 20
        assert {str(path): oct(mode(path)) for path in secrets if mode(path) != 0o600} == {}


def secrets_of(folder: Path) -> dict[str, bytes]:
    """Every secret of a network by the file that holds it, as it would look if it leaked."""
    found = {}
    for path in folder.rglob("*.key"):
        head, box = path.read_text().splitlines()[:2]
        kind = json.loads(head)["kind"]
        found[f"{path} {kind}"] = box[:64].encode()
        if kind == "wallet":
            found[f"{path} phrase"] = " ".join(bytes.fromhex(box).decode().split()[:4]).encode()
    for path in folder.rglob(".cookie"):
        found[str(path)] = path.read_text().split(":")[1].encode()
    return found


def test_no_secret_in_logs_arguments_or_environment(network: Devnet) -> None:
    secrets = secrets_of(network.folder)
    kinds = {name.rpartition(" ")[2] for name in secrets}
    assert {"validator", "member", "node", "phrase", "federation-share"} <= kinds
    pids = [one.pid for node in network.layout.nodes for one in processes_of(node)]
    places = {f"process {pid}": shown(pid) for pid in pids}
    for node in network.layout.nodes:
        for path in (Path(node.home) / "logs").iterdir():
            places[str(path)] = path.read_bytes()
    assert all(str(network.folder).encode() in shown(pid) for pid in pids), "nothing was looked at"
    assert any(b"main chain runs" in text for text in places.values())
    leaks = [
        (name, place)
        for name, secret in secrets.items()
        for place, text in places.items()
        if secret in text.replace(b"\n", b" ") or _raw(secret) in text
    ]
    assert leaks == []


def _raw(secret: bytes) -> bytes:
    """A secret in hex as bytes; a phrase as it is."""
    try:
        return bytes.fromhex(secret.decode())
    except ValueError:
        return secret
