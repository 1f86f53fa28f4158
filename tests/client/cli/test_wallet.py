"""`bystack wallet` asks for secrets or reads them from files, and writes what is secret for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from bystack.client import bars
from bystack.client.cli import purses, reading_up
from bystack.client.cli import wallet as rooms
from bystack.client.cli.main import main as bystack

NOTHING = {"trusted": 0, "untrusted_pending": 0, "immature": 0, "reserved": 0}
ANSWERS: dict[str, Any] = {
    "createwallet": {"name": "default", "warning": "", "mnemonic": "abandon about"},
    "restorewallet": {"name": "default", "warning": ""},
    "backupwallet": {"backup": "sealed text", "warning": ""},
    "dumpphrase": {"warning": "keep it", "mnemonic": "abandon about"},
    "getbalances": {
        **{"chain": "main", "height": 7},
        "mine": {"BTM": {**NOTHING, "trusted": 0.5}},
        "watchonly": {"GOLD": {**NOTHING, "trusted": 3}},
    },
    "listwallets": ["a"],
    "listwalletdir": {"wallets": [{"name": "a"}, {"name": "b"}]},
    "consolidate": {
        **{"txids": ["aa", "bb"], "coins": 9, "amount": 1.5},
        **{"name": "BTM", "not_worth_it": 2},
    },
    "importdescriptors": [{"success": False, "error": {"code": -5, "message": "of no chain here"}}],
    "listlabels": ["rent"],
    "getaddressesbylabel": {"rm1a": {"purpose": "send"}},
    "abortrescan": True,
}


class Node:
    """Answers as a node does, and remembers what it was asked, and on which path."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.scans, self.trouble = 2, ""

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        self.asked.append((path, method, *params))
        if method == "getwalletinfo":
            self.scans -= 1
            scanning = self.scans >= 0 and {"from": 0, "progress": 0.5}
            facts = {"height": 5, "target": 9, "txcount": 3, "scanning": scanning}
            return {"walletname": "a", "chains": {"main": {**facts, "trouble": self.trouble}}}
        return ANSWERS.get(method)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *params: self.call(method, *params)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    found = Node()
    for module in (purses, rooms):
        monkeypatch.setattr(module, "node", lambda home: found)
    monkeypatch.setattr(reading_up, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(bars, "PATIENCE", 0.0)
    return found


@pytest.fixture
def word(tmp_path: Path) -> Path:
    path = tmp_path / "word"
    path.write_text("correct horse\nnot this\n")
    return path


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(bystack, ["wallet", *arguments])
    assert done.exit_code == code, done.output
    return done


def test_passphrases_come_from_files(node: Node, word: Path, tmp_path: Path) -> None:
    given = ("--password-file", str(word))
    assert "Write these words down" in run("create", *given).output
    run("unlock", *given, "--seconds", "9")
    run("encrypt", *given, "--kdf", "argon2id")
    new = tmp_path / "new"
    new.write_text("second")
    run("passphrase", *given, "--new-password-file", str(new))
    assert [asked[1:] for asked in node.asked] == [
        ("createwallet", "default", "correct horse", "", False, 20),
        ("walletpassphrase", "correct horse", 9),
        ("encryptwallet", "correct horse", "argon2id"),
        ("walletpassphrasechange", "correct horse", "second"),
    ]


def test_without_a_terminal_or_a_file_nothing_is_asked(node: Node, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for arguments in (
        ("unlock",),
        ("create", "--encrypt"),
        ("backup", str(tmp_path / "b")),
        ("restore",),
        ("unlock", "--password-file", str(empty)),
    ):
        said = run(*arguments, code=1).output
        assert "-file" in said or "is empty" in said
    assert node.asked == []


def test_no_command_takes_a_secret_as_an_argument() -> None:
    def every(group: click.Command) -> list[click.Command]:
        inner = group.commands.values() if isinstance(group, click.Group) else []
        return [group, *(one for sub in inner for one in every(sub))]

    for command in every(bystack):
        for param in command.params:
            words = {word for name in (param.name or "",) for word in name.split("_")}
            if words & {"password", "passphrase", "phrase", "mnemonic"}:
                assert isinstance(param.type, click.Path), (command.name, param.name)


def test_a_backup_is_written_for_its_owner_and_over_nothing(
    node: Node, word: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "safe"
    run("backup", str(file), "--password-file", str(word))
    assert file.read_text() == "sealed text"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "exists" in run("backup", str(file), "--password-file", str(word), code=1).output
    run("restore", "copy", "--backup", str(file), "--password-file", str(word))
    assert node.asked[-1][1:] == ("restorewallet", "copy", "sealed text", "correct horse")
    words = ("restore", "copy", "--backup", str(file), "--password-file", str(word))
    assert run(*words).output == "name: default\n", "a warning only where there is one"
    warned = {"name": "default", "warning": "addresses 21 and on are not read yet"}
    monkeypatch.setitem(ANSWERS, "restorewallet", warned)
    assert "warning: addresses 21" in run(*words).output


def test_a_phrase_restores_and_is_shown_with_a_warning(node: Node, word: Path) -> None:
    run("restore", "again", "--phrase-file", str(word), "--gap", "50", "--birth", "9")
    made = ("createwallet", "again", "", "correct horse", False, 50, "scrypt", 9)
    assert node.asked[-1][1:] == made
    done = run("phrase", "--password-file", str(word))
    assert done.stdout == "abandon about\n"
    assert "keep it" in done.output


def test_the_wallet_asked_is_in_the_path(node: Node) -> None:
    done = run("balance", "--wallet", "savings", "--chain", "trade")
    assert node.asked == [("/wallet/savings", "getbalances", "trade", "")]
    assert "watched only:" in done.output and "GOLD" in done.output
    listed = json.loads(run("list", "--json").output)
    assert listed == [{"name": "a", "loaded": True}, {"name": "b", "loaded": False}]


def test_a_wallet_that_watches_nothing_says_nothing_of_it(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "none" not in run("balance").output
    monkeypatch.setitem(ANSWERS, "getbalances", {**ANSWERS["getbalances"], "watchonly": {}})
    shown = run("balance").output
    assert "BTM" in shown and "none" not in shown and "watched only:" not in shown


def test_upkeep_tells_what_was_done(node: Node) -> None:
    told = run("consolidate").output
    assert "9 coins, 1.5 BTM, 2 transactions" in told
    assert "2 coins left" in told
    assert "50.0 %  5 of 9 blocks" in run("rescan").output
    node.scans, node.trouble = 2, "block 1 is pruned"
    assert (
        "block 1 is pruned; to stop: bystack wallet rescan --abort" in run("rescan", code=1).output
    )
    assert run("rescan", "--abort").output == "stopped\n"
    assert "of no chain here" in run("import-key", "account()", code=1).output
    assert "rent" in run("labels").output
