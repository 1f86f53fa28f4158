"""Validators come and go by election among real daemons; one who votes twice loses its stake.

A network of its own with short epochs: five nodes, four validators of the genesis. The fifth is
elected and votes; one that stands no more leaves; the fifth, started once more as a traitor with
its real keys, is convicted by what ordinary nodes saw of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from bystack.client.devnet import processes
from bystack.client.devnet.layout import Node
from bystack.client.devnet.network import Devnet, opened
from bystack.client.rpc import wait_for
from tests.processes.network import bystack, end, reach, side_height
from tests.processes.pages import Part, Reader, Script, reading

pytestmark = pytest.mark.processes

CHAIN = "trade"
ROOT = Path(__file__).parents[2]
PAGE = Part("docs/staking.md", but="^bystack devnet")
UP = Part("docs/staking.md", only="^bystack devnet")
STAKE = "10"
SIZES = ("--validators", "4", "--members", "5", "--set", "empty_interval=700")
SHORT = {"epoch=60": "epoch=16", "freeze=10": "freeze=6"}
"""Epochs as people would try them are a minute long."""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """Five nodes; the first one's wallet holds what all stakes are paid of."""
    folder = tmp_path_factory.mktemp("elections")
    try:
        words = Reader({"mynet": str(folder), **SHORT}).meant(UP.lines[0].words)
        done = bystack(*words[1:], *SIZES)
        assert done.returncode == 0, done.stderr + done.stdout
        net = opened(folder)
        net[0].pegin(CHAIN, "100", "BTM", net[0].getnewaddress("", "", CHAIN))
        net[0].pegin(CHAIN, "40", "BTM", net[1].getnewaddress("", "", CHAIN))
        net.mine(8)
        for n, held in ((0, 90), (1, 35)):
            wait_for(
                "a claim", lambda n=n, held=held: float(net[n].side(CHAIN, "getbalance")) > held
            )
        yield net
    finally:
        end(folder)


def daemon(*arguments: str) -> str:
    """What `bystackd` prints."""
    command = [sys.executable, "-m", "bystack.node.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(net: Devnet, *arguments: str) -> Any:
    """What a command of the first node's wallet answers."""
    home = net.layout.nodes[0].home
    done = bystack(*arguments, "--sidechain", CHAIN, "--home", home, "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def stand(net: Devnet, node: Node, folder: Path) -> None:
    """Register a node's key, paid by the first node's wallet."""
    operator = net[0].getnewaddress("", "", CHAIN)
    file = folder / f"{node.name}.json"
    file.write_text(
        daemon("key", "consent", CHAIN, "--operator", operator, "--home", node.home, "--cheap")
    )
    told(net, "stake", "register", str(file), STAKE)


def side(net: Devnet, node: Node, method: str, *params: Any) -> Any:
    return net.rpcs[node.name].side(CHAIN, method, *params)


def voters(net: Devnet, at: Node, which: str = "current") -> set[str]:
    """Node ids of an epoch's validators, by one node's own state."""
    return {one["node"] for one in side(net, at, "getvalidators", which)}


def names(net: Devnet) -> dict[str, str]:
    """Node ids by node name."""
    return {n.name: side(net, n, "getnetworkinfo")["nodeid"] for n in net.layout.nodes}


def signed_since(net: Devnet, at: Node, start: int, node: str) -> bool:
    """Whether a validator's bit stands in a certificate above a height."""
    seats = {one["node"]: one["index"] for one in side(net, at, "getvalidators")}
    if node not in seats:
        return False
    top = side_height(net, at, CHAIN)
    commits = (side(net, at, "getcommit", height) for height in range(max(start + 1, top - 4), top))
    return any(seats[node] in commit["signers"] for commit in commits)


def become_validator(net: Devnet, node: Node) -> None:
    """Have a node's daemon use the validator key that lies in its home."""
    path = Path(node.home) / "sidechains" / f"{CHAIN}.toml"
    path.write_text(
        path.read_text() + tomli_w.dumps({"validator_key": f"keys/{CHAIN}.validator.key"})
    )
    processes.reload(node)


def votes(net: Devnet, page: Script[Reader]) -> None:
    """A holder's part of the page: looks, locks coins behind a candidate, takes some back."""
    wait_for("candidates", lambda: len(standing(net, net.layout.nodes[0])) == 5)
    row = page.left[0].shown[1].split()[1]
    said = page.unseen("bystack stake candidates")
    assert "electable" in said and said.count("True") == 5
    page.reader.home = net[1].home  # somebody who is no operator
    page.reader.changes["b6485d245b6f…"] = min(standing(net, net.layout.nodes[0]))
    assert row.endswith("…")
    owner = page.type("bystack stake vote").split()[-1]
    wait_for("the vote", lambda: staked_by(net, net.layout.nodes[0], owner))
    page.type("bystack stake status")
    page.type("bystack stake unvote")
    wait_for("some taken back", lambda: staked_by(net, net.layout.nodes[0], owner) == 10)
    back = json.loads(page.unseen("bystack rpc getunbonding"))
    assert back["amount"] == 20 and back["returns"][0]["due"] > 0
    page.type("bystack stake withdraw")


def test_validators_come_and_go_by_election(net: Devnet, tmp_path: Path) -> None:
    first, *_, fourth, fifth = net.layout.nodes
    assert len(voters(net, first)) == 4
    become_validator(net, fifth)
    holder = Reader({"--home HOME": f"--home {first.home} --cheap"}, net[0].home)
    holder.changes["trade1q5qfdcvh9…"] = net[0].getnewaddress("", "", CHAIN)
    with pytest.MonkeyPatch.context() as patch, reading(holder, PAGE) as page:
        patch.chdir(tmp_path)
        looked, *later = (page.line() for _ in range(6))
        page.type("bystackd key consent")
        page.type("bystack stake register")
        page.left = [looked, *later]
        for node in net.layout.nodes[1:]:
            stand(net, node, tmp_path)
        votes(net, page)
    ids = wait_for("every node answers", lambda: names(net))
    wait_for("five are elected", lambda: voters(net, first) == set(ids.values()), 240)
    start = side_height(net, first, CHAIN)
    wait_for("the fifth votes", lambda: signed_since(net, first, start, ids[fifth.name]), 180)
    assert voters(net, fifth) == voters(net, first), "read back from the fifth's own store"

    gone = next(one for one in side(net, first, "getvalidators") if one["node"] == ids[fourth.name])
    told(net, "stake", "unregister", gone["key"])
    left = {ids[node.name] for node in net.layout.nodes if node is not fourth}
    wait_for("the fourth has left", lambda: voters(net, first) == left, 240)
    height = side_height(net, first, CHAIN) + 3
    for node in net.layout.nodes:  # the one that left follows
        reach(net, node, {CHAIN: height})


@contextmanager
def traitor(net: Devnet, node: Node, index: int) -> Iterator[None]:
    """The node's daemon is stopped; a traitor speaks with its keys."""
    processes.stop(node)
    others = [f"127.0.0.1:{o.side[CHAIN]}" for o in net.layout.nodes if o is not node]
    arguments = (str(Path(node.home).resolve()), CHAIN, str(index), *others)
    command = [sys.executable, "-m", "tests.processes.traitor", *arguments]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_pegs_go_on_under_elected_validators(net: Devnet) -> None:
    """Members and their signers follow the epochs: the payout is signed, and settled."""
    first, *_, last = net.layout.nodes
    assert side(net, first, "getepoch")["epoch"] > 0
    burned = net[0].sendtomainchain(CHAIN, net[0].getnewaddress(), "5", "BTM")

    def settled() -> bool:
        net.mine(1)
        return bool(side(net, last, "getpegoutstatus", burned["pegout"])["state"] == "settled")

    wait_for("paid and settled, by the last node's store", settled, 180)


def test_one_that_votes_twice_is_convicted_slashed_and_out(net: Devnet) -> None:
    """Attacks E02 and E03 among real daemons: the chain stays final, no honest one is named."""
    first, second, *_, fifth = net.layout.nodes
    ids = names(net)
    rows = side(net, first, "getvalidators")
    seat = next(one for one in rows if one["node"] == ids[fifth.name])
    others = standing(net, first) - {seat["key"]}
    staked = staked_by(net, first, seat["operator"])
    with traitor(net, fifth, seat["index"]):
        wait_for("it is convicted", lambda: standing(net, first) == others, 180)
        start = side_height(net, first, CHAIN)
        for node in net.layout.nodes[:4]:
            reach(net, node, {CHAIN: start + 2}, 180)
        wait_for("it is out", lambda: ids[fifth.name] not in voters(net, first), 240)
    for node in (first, second):  # read back from each one's own store
        wait_for("all know", lambda node=node: standing(net, node) == others, 180)
        assert 0 < staked_by(net, node, seat["operator"]) < staked
        assert not any(row["tombstoned"] for row in side(net, node, "getvalidators"))


def standing(net: Devnet, node: Node) -> set[str]:
    """The keys that stand for election."""
    return {row["key"] for row in side(net, node, "getcandidates")}


def staked_by(net: Devnet, node: Node, operator: str) -> float:
    return float(side(net, node, "getstake", [operator])["staked"])
