"""S02 - process isolation: one sidechain's process dies, stops or runs out of memory.

The rule that refuses is the operating system's and the supervisor's: every role is a process with
limits of its own. The invariant: the main chain, the other sidechain and the signer go on, on that
very node and on every other; only the harmed path answers 503 or waits.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bystack.client.devnet import processes
from bystack.client.devnet.layout import Node
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from tests.processes.network import (
    Process,
    all_vote,
    back,
    best,
    find,
    gone,
    grow,
    processes_of,
    reach,
)

pytestmark = pytest.mark.processes

NODE = 1
HARMED, OTHER = "trade", "games"
PAID = "2"


@pytest.fixture(scope="module")
def rich(network: Devnet) -> Devnet:
    """The network, the harmed node's wallet holding something on the other sidechain."""
    home = network[NODE].getnewaddress("", "", OTHER)
    network[0].pegin(OTHER, "40", "BTM", home)
    network.mine(8)
    wait_for("a claim", lambda: float(network[NODE].side(OTHER, "getbalance")) > 0)
    return network


@pytest.fixture
def victim(rich: Devnet) -> Iterator[Process]:
    """The sidechain process of the harmed node; in the end it or its successor has caught up."""
    node = harmed(rich)
    found = wait_for("the victim runs", lambda: find(node, "sidechain", HARMED))
    all_vote(rich, HARMED)
    others = {one.pid for one in processes_of(node)} - {found.pid}
    yield found
    wait_for("it runs again", lambda: find(node, "sidechain", HARMED))
    reach(rich, node, best(rich))
    assert others <= {one.pid for one in processes_of(node)}, "another process was harmed"


def harmed(net: Devnet) -> Node:
    """The node whose sidechain process suffers."""
    return net.layout.nodes[NODE]


def post(
    node: Node, path: str, seconds: float, method: str = "getblockcount", *params: str
) -> httpx.Response:
    """Ask on a path; raises `httpx.ReadTimeout` where nobody answers in time."""
    facts = processes.facts_of(node)
    user, secret = (Path(node.home) / ".cookie").read_text().split(":", 1)
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    url = facts["url"].rstrip("/") + path
    return httpx.post(url, json=request, auth=(user, secret), timeout=seconds)


def everything_else_works(net: Devnet) -> None:
    """On the harmed node: blocks, a payment on the main chain and one on the other sidechain."""
    rpc, witness = net[NODE], net[3]
    net.mine(1)
    for path in ("/", f"/sidechain/{OTHER}", f"/federation/{HARMED}", f"/federation/{OTHER}"):
        assert harmed_answers(net, path), path
    home = witness.getnewaddress("", "", OTHER)
    paid = rpc.side(OTHER, "sendtoaddress", home, PAID)

    def final() -> bool:
        shown = witness.side(OTHER, "getrawtransaction", paid, True)
        return int(shown.get("confirmations", 0)) > 0

    wait_for("the payment is final elsewhere", final)
    sent = net[0].sendtoaddress(rpc.getnewaddress(), "1")
    net.mine(1)
    assert rpc.getrawtransaction(sent, True)["confirmations"] == 1
    others = [node for node in net.layout.nodes if node is not harmed(net)]
    grow(net, others[:3], [HARMED, OTHER])
    grow(net, [harmed(net)], [OTHER])


def harmed_answers(net: Devnet, path: str) -> bool:
    """A path of the harmed node is served, whatever its own method says."""
    return post(harmed(net), path, 120).status_code in (200, 404)


def test_killed(rich: Devnet, victim: Process) -> None:
    node, statuses = harmed(rich), set[int]()

    def refused() -> bool:
        statuses.add(post(node, f"/sidechain/{HARMED}", 120).status_code)
        assert post(node, f"/sidechain/{OTHER}", 120).status_code == 200
        return 503 in statuses

    os.kill(victim.pid, signal.SIGKILL)
    gone(victim.pid)
    wait_for("503 on its own path", refused)
    everything_else_works(rich)
    assert back(node, "sidechain", HARMED, victim.pid).pid != victim.pid


def test_stopped(rich: Devnet, victim: Process) -> None:
    node = harmed(rich)
    os.kill(victim.pid, signal.SIGSTOP)
    try:
        with pytest.raises(httpx.ReadTimeout):
            post(node, f"/sidechain/{HARMED}", 2)
        everything_else_works(rich)
    finally:
        os.kill(victim.pid, signal.SIGCONT)
    wait_for("it answers again", lambda: post(node, f"/sidechain/{HARMED}", 120).status_code == 200)
    assert find(node, "sidechain", HARMED) == victim, "it was stopped, not killed"


def test_out_of_memory(rich: Devnet, victim: Process) -> None:
    node = harmed(rich)
    _, hard = resource.prlimit(victim.pid, resource.RLIMIT_AS)
    resource.prlimit(victim.pid, resource.RLIMIT_AS, (1, hard))
    wait_for("it feels the limit", lambda: not serves(node, 5))
    everything_else_works(rich)
    if processes.alive(victim.pid):  # it holds still within its limit: as good as stopped
        os.kill(victim.pid, signal.SIGKILL)
    assert back(node, "sidechain", HARMED, victim.pid).pid != victim.pid
    wait_for("it serves again", lambda: serves(node, 120))


def serves(node: Node, seconds: float) -> bool:
    """The harmed path takes in a request of two megabytes and says what is wrong with it."""
    try:
        answer = post(
            node, f"/sidechain/{HARMED}", seconds, "decoderawtransaction", "00" * 1_000_000
        )
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and "decode failed" in answer.text
