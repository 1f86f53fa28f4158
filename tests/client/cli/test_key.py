"""`bystack key`: saved, noted, put back; what reads secrets is handed on to `bystackd`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bystack.client.backups import key_digests, noted
from bystack.client.cli.key import OFFLINE
from bystack.client.cli.main import main as bystack
from bystack.node.main import main as bystackd


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(bystack, ["key", *words, "--home", str(home)])


def test_saved_and_put_back(tmp_path: Path) -> None:
    one, file = tmp_path / "one", tmp_path / "keys.tar"
    (one / "keys").mkdir(parents=True)
    (one / "keys" / "a.key").write_text("secret")
    assert run(one, "backup").exit_code == 2
    assert run(one, "backup", str(file)).output == f"written: {file}, 1 files\n"
    assert run(one, "backup", str(file)).exit_code == 1
    two = tmp_path / "two"
    assert run(two, "restore", str(file)).output == "put back: a.key\n"
    assert run(two, "restore", str(file)).output == "every one of them is there\n"
    (one / "keys" / "b.key").write_text("newer")
    assert run(one, "backup", "--made").output == "noted: 2 files\n"
    assert noted(one).keys.digests == key_digests(one)


def test_the_rest_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "execvp", lambda file, words: seen.append(list(words)))
    CliRunner().invoke(bystack, ["key", "new", "validator:trade", "--home", "H", "--help"])
    assert seen[0][-6:] == ["key", "new", "validator:trade", "--home", "H", "--help"]


def test_all_of_it_is_handed_on() -> None:
    there = CliRunner().invoke(bystackd, ["key", "--help"]).output
    named = {line.split()[0] for line in there.split("Commands:")[1].splitlines() if line.strip()}
    assert set(OFFLINE) == {one for one in named if one in OFFLINE} and len(named) >= len(OFFLINE)
    listed = CliRunner().invoke(bystack, ["key", "--help"]).output
    assert all(name in listed for name in (*OFFLINE, "backup", "restore"))
