"""One whole network of real processes that several files of tests share, and looking into it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bystack.client.devnet import processes
from bystack.client.devnet.layout import Node, read_layout
from bystack.client.devnet.network import Devnet, down, opened
from bystack.client.rpc import NodeDown, RpcFailed, Waited, wait_for
from bystack.primitives.codec import encode
from tests.node.offered_module import install
from tests.processes.pages import Part, Reader

UP, DOWN = (Part("README.md", only=f"^bystack devnet {do}").lines for do in ("up", "down"))
SECONDS = 560
CHILDREN = 180.0
CLOCK = Path(__file__).parent / "clock"
"""What lets a test set the clock of one node."""
NAMES = encode((b"\xff" * 32, 1_000, 100_000)).hex()
"""What the module `names` of `examples/modules` is told: BTM, its deposit, how long names last."""
MODULES = ("registry", "exchange", f"names={NAMES}")


class Process(NamedTuple):
    """A running process of a node."""

    role: str
    name: str
    pid: int
    state: str


def bystack(*arguments: str, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    """Run the client's command line to its end."""
    command = [sys.executable, "-m", "bystack.client.cli.main", *arguments]
    environment = {**os.environ, "BYSTACK_TESTING": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, env=environment, check=False
    )


@contextmanager
def armed(points: str, mark: str) -> Iterator[None]:
    """What is started meanwhile dies at the points (none: lives), once; `mark`: in its home."""
    added = {"BYSTACK_TESTING": "1", "BYSTACK_FAILPOINT": points, "BYSTACK_FAILPOINT_MARK": mark}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextmanager
def running(folder: Path) -> Iterator[Devnet]:
    """A network of two sidechains, brought up by the command, gone at the end whatever happens.

    Its nodes, whoever starts them, find the tests' clock and the example of a package's module.
    """
    numbers = ("--set", "gateways=2", "--set", "empty_interval=1000")
    modules = [part for name in MODULES for part in ("--module", name)]
    before, package = os.environ.get("PYTHONPATH"), str(install(folder / "package"))
    os.environ["PYTHONPATH"] = f"{CLOCK}{os.pathsep}{package}"
    sys.path.append(package)  # for whoever looks into the stores afterwards
    try:
        words = Reader({"/tmp/net": str(folder / "net")}).meant(UP[0].words)
        done = bystack(*words[1:], *numbers, *modules)
        assert done.returncode == 0, done.stderr + done.stdout
        yield opened(folder / "net")
    finally:
        end(folder / "net")
        sys.path.remove(package)
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def end(folder: Path) -> None:
    """Stop every process of the network, by order and, if need be, by force."""
    if (layout := read_layout(folder)) is None:
        return
    pids = [one.pid for node in layout.everyone for one in processes_of(node)]
    try:
        down(folder)
    finally:
        for pid in pids:
            if processes.alive(pid) and str(folder) in command_line(pid):
                os.kill(pid, signal.SIGKILL)


def command_line(pid: int) -> str:
    """How a process was started; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def pids_of(folder: Path) -> set[int]:
    """Every living process whose command line names the directory."""
    found = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {pid for pid in found if str(folder) in command_line(pid) and processes.alive(pid)}


def processes_of(node: Node) -> list[Process]:
    """The node's supervisor and its children, as the supervisor last said."""
    facts = processes.facts_of(node)
    if not processes.running(node):
        return []
    rows = [
        Process(row["role"], row["name"], row["pid"], row["state"]) for row in facts["processes"]
    ]
    return [Process("bystackd", "", facts["pid"], "running"), *rows]


def find(node: Node, role: str, name: str = "") -> Process | None:
    """A process of a node that runs now."""
    for one in processes_of(node):
        if (one.role, one.name) == (role, name):
            return one if one.state == "running" and processes.alive(one.pid) else None
    return None


def whole(node: Node) -> bool:
    """Every process that the node is to have runs."""
    every = processes_of(node)
    return bool(every) and all(one.state == "running" and processes.alive(one.pid) for one in every)


def back(node: Node, role: str, name: str, old: int) -> Process:
    """The successor of a process that was killed, once it runs."""

    def successor() -> Process | None:
        found = find(node, role, name)
        return found if found is not None and found.pid != old else None

    return wait_for(f"{role} {name} of {node.name} comes back", successor, CHILDREN)


def gone(pid: int) -> None:
    """Wait until a process is no more."""
    wait_for(f"process {pid} ends", lambda: not processes.alive(pid))


def main_height(net: Devnet, node: Node) -> int:
    """How far a node's main chain is."""
    return int(net.rpcs[node.name].getblockcount())


def side_height(net: Devnet, node: Node, chain: str) -> int:
    """How far a node's copy of a sidechain is."""
    return int(net.rpcs[node.name].side(chain, "getblockcount"))


def heights(net: Devnet, node: Node, chains: Iterable[str] = ()) -> dict[str, int]:
    """How far these chains (all, unless named) of a node are; -1 where it does not answer."""
    found = dict.fromkeys(chains or ("main", *net.layout.sidechains), -1)
    for chain in found:
        path = "/" if chain == "main" else f"/sidechain/{chain}"
        try:
            found[chain] = int(net.rpcs[node.name].call("getblockcount", path=path))
        except (RpcFailed, NodeDown):
            continue
    return found


def best(net: Devnet) -> dict[str, int]:
    """The greatest height of each chain on any node."""
    every = [heights(net, node) for node in net.layout.nodes]
    return {chain: max(one[chain] for one in every) for chain in every[0]}


def reach(net: Devnet, node: Node, wanted: dict[str, int], seconds: float = 180) -> None:
    """Wait until a node's chains are at least at these heights."""

    now: dict[str, int] = {}

    def there() -> bool:
        now.update(heights(net, node, wanted))
        return all(now[chain] >= height for chain, height in wanted.items())

    try:
        wait_for(f"{node.name} reaches {wanted}", there, seconds)
    except Waited as late:
        raise AssertionError(f"{late}; it is at {now}") from None


def all_vote(net: Devnet, chain: str, blocks: int = 4) -> None:
    """Wait until every validator's vote is in a certificate of one of the last blocks, as some node
    has it: whoever was stopped, killed or cut off takes part again, and does not merely follow.
    """
    missing: set[int] = set()

    def whole() -> bool:
        seats = {int(one["index"]) for one in net[0].side(chain, "getvalidators")}
        tops = {node.name: side_height(net, node, chain) for node in net.layout.validating}
        since = max(0, max(tops.values()) - blocks)  # who is behind has its own old votes below
        for name, top in tops.items():
            for at in range(top, since, -1):
                rpc = net.rpcs[name]
                seats -= {*rpc.side(chain, "getcommit", at)["signers"]} if seats else set()
        missing.clear()
        missing.update(seats)
        return not seats

    try:
        wait_for(f"all validators of {chain} vote", whole, 180)
    except Waited as late:
        links = {
            node.name: [one["nodeid"][:8] for one in net.rpcs[node.name].side(chain, "getpeerinfo")]
            for node in net.layout.nodes
        }
        raise AssertionError(f"{late}; not {missing}; connected: {links}") from None


def grow(net: Devnet, nodes: list[Node], chains: list[str], seconds: float = 180) -> None:
    """Wait until these chains have a new block on each of these nodes."""
    goals = [(node, heights(net, node, chains)) for node in nodes]
    for node, now in goals:
        reach(net, node, {chain: now[chain] + 1 for chain in chains}, seconds)


def status(net: Devnet) -> dict[str, Any]:
    """`bystack devnet status --json`."""
    done = bystack("devnet", "status", "--dir", str(net.folder), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
