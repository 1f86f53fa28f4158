"""From a vault to its sidechain: what an operator is told to type next brings up a validator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bystack.client.cli.federation import launch


class Node:
    """Answers as a member's node whose vault lies deep enough."""

    def federation(self, name: str, method: str, *params: Any) -> Any:
        return {"id": "0a" * 32, "genesis": {"name": name}}


def test_a_validator_is_not_told_to_add_a_follower(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sidechains").mkdir()
    (tmp_path / "sidechains" / "port.spec.toml").write_text('name = "port"\n')
    monkeypatch.setattr(launch, "node", lambda home: Node())
    done = CliRunner().invoke(launch.genesis, ["port", "--home", str(tmp_path)])
    assert done.exit_code == 0, done.output
    made = tmp_path / "sidechains" / "port.genesis.toml"
    assert f"bystack sidechain add {made} --validator --listen HOST:PORT" in done.output
    done = CliRunner().invoke(launch.genesis, ["port", "--home", str(tmp_path), "--json"])
    assert json.loads(done.output) == {"id": "0a" * 32, "file": str(made)}


def test_a_genesis_of_other_values_is_not_written_over_unasked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The signer has read it: going by another than the file has, it would sign no more."""
    folder = tmp_path / "sidechains"
    folder.mkdir()
    (folder / "port.spec.toml").write_text('name = "port"\n')
    made = folder / "port.genesis.toml"
    made.write_text('name = "other"\n')
    monkeypatch.setattr(launch, "node", lambda home: Node())
    words = ["port", "--home", str(tmp_path)]
    done = CliRunner().invoke(launch.genesis, words)
    assert done.exit_code == 1 and "--replace" in done.output and "start bystackd" in done.output
    assert made.read_text() == 'name = "other"\n'
    done = CliRunner().invoke(launch.genesis, [*words, "--replace"])
    assert done.exit_code == 0 and "Next: stop and start bystackd, compare" in done.output
    assert made.read_text() == 'name = "port"\n'
