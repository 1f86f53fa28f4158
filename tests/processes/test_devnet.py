"""`bystack devnet` by command, on the shared network: what it says, and what it starts again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bystack.client.devnet import processes
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from bystack.node.metrics.families import every
from tests.processes.network import (
    back,
    best,
    bystack,
    find,
    gone,
    heights,
    processes_of,
    reach,
    status,
    whole,
)

pytestmark = pytest.mark.processes

LIGHT = ("full_peers", "transactions_sent")
"""Figures of a light node alone."""

ROLES = {
    ("bystackd", ""),
    ("signer", ""),
    ("wallet", ""),
    ("mainchain", ""),
    ("sidechain", "trade"),
    ("sidechain", "games"),
    ("federation", "trade"),
    ("federation", "games"),
}


def test_status_has_the_shape_that_is_promised(network: Devnet) -> None:
    found = wait_for("each node answers in time", lambda: _answered(status(network)))
    assert set(found) == {"nodes"}
    assert [node["name"] for node in found["nodes"]] == [f"node{i}" for i in range(1, 6)]
    for node in found["nodes"]:
        _node_shape(network, node)
    ids = {node["chains"]["main"]["id"] for node in found["nodes"]}
    assert len(ids) == 1, "the nodes have one main chain"


def _answered(found: dict[str, Any]) -> dict[str, Any] | None:
    """What is told, once no node was too busy to answer a glance."""
    tips = [tip for node in found["nodes"] for tip in node["chains"].values()]
    return None if any("error" in tip for tip in tips) else found


def _node_shape(network: Devnet, node: dict[str, Any]) -> None:
    assert set(node) == {"name", "home", "rpc", "processes", "chains"}
    assert node["home"] == str(network.folder / node["name"])
    assert node["rpc"].startswith("http://127.0.0.1:")
    assert {(row["role"], row["name"]) for row in node["processes"]} == ROLES
    for row in node["processes"]:
        assert set(row) == {"role", "name", "pid", "state"}
        assert processes.alive(row["pid"])
        assert row["state"] == "running"
    assert set(node["chains"]) == {"main", "trade", "games"}
    for chain in node["chains"].values():
        assert set(chain) == {"height", "id"}
        assert chain["height"] >= 1
        assert len(bytes.fromhex(chain["id"])) == 32


def test_every_part_shows_all_its_figures(network: Devnet) -> None:
    home = Path(network.layout.nodes[0].home)
    address = status(network)["nodes"][0]["rpc"]

    def figures() -> dict[str, Metric]:
        secret = (home / ".cookie").read_text().partition(":")[2]
        answer = httpx.get(
            f"{address.rstrip('/')}/metrics", auth=("__cookie__", secret), timeout=60
        )
        return {one.name: one for one in text_string_to_metric_families(answer.text)}

    def shown() -> bool:
        """A process that is too busy to answer at once shows without its own figures."""
        return not lacking(figures())

    def lacking(found: dict[str, Metric]) -> set[tuple[str, str]]:
        seen = {
            (one, sample.labels.get("role", ""))
            for one, metric in found.items()
            for sample in metric.samples
        }
        wanted = {
            (family.full.removesuffix("_total"), role)
            for family in every()
            for role in family.roles
            if role != "guard" and family.name not in LIGHT and not family.labels
        }
        return wanted - seen

    wait_for("every part shows its figures", shown, 180)
    found = figures()
    documented = {family.full.removesuffix("_total") for family in every()}
    assert set(found) <= documented
    processes_up = found["bystack_process_up"].samples
    assert {(one.labels["role"], one.labels["name"]) for one in processes_up} == ROLES


def test_a_killed_child_comes_back_and_catches_up(network: Devnet) -> None:
    node = network.layout.nodes[3]
    killed = find(node, "sidechain", "games")
    assert killed is not None
    others = {one.pid for one in processes_of(node)} - {killed.pid}
    os.kill(killed.pid, signal.SIGKILL)
    gone(killed.pid)
    network.mine(1)
    back(node, "sidechain", "games", killed.pid)
    reach(network, node, best(network))
    assert {one.pid for one in processes_of(node)} >= others, "the other processes went on"


def test_up_starts_what_is_missing_and_only_that(network: Devnet) -> None:
    missing, kept = network.layout.nodes[4], network.layout.nodes[0]
    before = {one.pid for one in processes_of(kept)}
    old = processes_of(missing)
    os.kill(old[0].pid, signal.SIGKILL)
    for one in old:
        gone(one.pid)
    assert not processes.running(missing)
    stopped = status(network)["nodes"][4]
    assert [row["state"] for row in stopped["processes"]] == ["stopped"]
    done = bystack("devnet", "up", "--dir", str(network.folder))
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for("all its processes run", lambda: whole(missing))
    assert {one.pid for one in processes_of(kept)} == before
    assert {one.pid for one in old}.isdisjoint(one.pid for one in processes_of(missing))
    reach(network, missing, best(network))
    assert heights(network, missing)["main"] == network[0].getblockcount()


def test_status_and_down_of_no_network_say_so(tmp_path: Any) -> None:
    for command in ("status", "down"):
        done = bystack("devnet", command, "--dir", str(tmp_path / "nowhere"))
        assert done.returncode == 1
        assert "no devnet here" in done.stderr
        assert "Traceback" not in done.stderr
