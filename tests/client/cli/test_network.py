"""`bystack devnet status` of nodes that are stopped, or do not answer: said, with what to do."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from bystack.client.cli import network as commands
from bystack.client.cli.main import main
from bystack.client.demo import run
from bystack.client.devnet import network

TIP = {"height": 7, "id": "ab"}
HANGS = {"height": None, "id": None, "error": "/ did not answer help within 10 s"}


def node(name: str, state: str, **chains: Any) -> dict[str, Any]:
    daemon = {"role": "bystackd", "name": "", "pid": 9, "state": state}
    return {"name": name, "home": f"/{name}", "rpc": "", "processes": [daemon], "chains": chains}


def status(monkeypatch: pytest.MonkeyPatch, *nodes: dict[str, Any]) -> str:
    monkeypatch.setattr(commands, "_opened", lambda folder: None)
    monkeypatch.setattr(network, "status", lambda net: {"nodes": list(nodes)})
    done = CliRunner().invoke(main, ["devnet", "status", "--dir", "net"])
    assert done.exit_code == 0, done.output
    return done.output


def test_what_does_not_answer_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    well, gone = node("node1", "running", main=TIP, trade=TIP), node("node2", "stopped")
    hangs = node("node3", "running", main=TIP, trade=HANGS)
    said = status(monkeypatch, well, gone, hangs)
    assert "trade: not known; / did not answer help within 10 s" in said and "None" not in said
    assert "node2 stopped. Next: bystack devnet up --dir net" in said
    assert "node3 not answering in full. Next: look into HOME/logs; kill the pid" in said


def test_of_a_whole_network_nothing_more_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Next" not in status(monkeypatch, node("node1", "running", main=TIP))


@pytest.mark.parametrize("went", [True, False])
def test_who_has_seen_the_demo_is_told_how_to_have_such_a_network(
    monkeypatch: pytest.MonkeyPatch, went: bool
) -> None:
    monkeypatch.setattr(run, "run_demo", lambda steps, keep: {"ok": went})
    done = CliRunner().invoke(main, ["demo"])
    assert done.exit_code == (0 if went else 1)
    assert ("Next: bystack devnet up --dir mynet" in done.output) == went
