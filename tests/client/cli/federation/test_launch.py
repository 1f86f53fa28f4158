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
