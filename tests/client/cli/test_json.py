"""Programs read what people read: every command has `--json`, and it prints JSON and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import click
import pytest
from click.testing import CliRunner

from bystack.client.cli import chain, conventions, drafts, proofs, purses, wallet
from bystack.client.cli.federation import policy
from bystack.client.cli.main import main

NO_JSON: Final = MappingProxyType({
    "man": "a page for people, or files for man",
    "completion": "a script for a shell",
    "key new": "bystackd key new, which prints JSON",
    "key believe": "bystackd key believe, which has it",
    "key consent": "bystackd key consent, which prints JSON",
    "key sign": "bystackd key sign: NAME=SIGNATURE, as vault submit takes it",
    "key accept-lost-journal": "bystackd key accept-lost-journal, which has it",
})  # fmt: skip
"""Commands without --json, and why."""


def every(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """The commands that do something, by the words after `bystack`."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS: Final = dict(every(main))


def test_every_command_has_json_or_a_reason() -> None:
    options = {
        name: [one for p in command.params for one in p.opts] for name, command in COMMANDS.items()
    }
    assert {name for name, found in options.items() if "--json" not in found} == set(NO_JSON)


ANSWERS: dict[str, Any] = {
    "getnewaddress": "rm1a",
    "encryptwallet": "sealed",
    "dumpphrase": {"mnemonic": "abandon about", "warning": "keep it"},
    "backupwallet": {"backup": "sealed text", "warning": ""},
    "importdescriptors": [{"success": True, "chain": "main"}],
    "rescanblockchain": None,
    "abortrescan": False,
    "setaddressgap": {"gap": 50},
    "gettransaction": {
        "txid": "ab", "chain": "main", "confirmations": 2, "abandoned": False, "hex": "00ff",
        "movements": [{"category": "send", "amount": -2.0, "name": "BTM", "address": "rm1b"}],
        "details": [{"vout": 0, "amount": 2.0, "name": "BTM", "address": "rm1b", "label": "",
                     "ismine": False, "ischange": False}],
    },
    "getaddressinfo": {"kind": "policy", "chain": "main"},
    "sendtoaddress": "ab",
    "walletcreatefundedpst": {"pst": "draft", "fee": 0.1},
    "walletprocesspst": {"pst": "draft", "signed_by": [], "gains": {}, "coins_not_looked_up": 0,
                         "next": "send it"},
    "combinepst": "draft",
    "finalizepst": {"pst": "draft", "complete": False, "next": "bob"},
    "sendpst": "ab",
    "releasepst": {"coins": 1},
    "createswap": {"pst": "draft"},
    "getproof": {"hex": "00", "chain_id": "cc"},
    "requests": [{"digest": "0a" * 32}],
    "policy": {"fault": "", "path": "policy.toml", "digest": "aa"},
    "uptime": "a text",
}  # fmt: skip


class Node:
    """Answers as a node does."""

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        return ANSWERS.get(method)

    def side(self, chain: str, method: str, *params: Any) -> Any:
        return self.call(method)

    def __getattr__(self, method: str) -> Any:
        return lambda *params: self.call(method)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a draft, a passphrase and keys; a node that answers."""
    for module in (conventions, purses, wallet, drafts, proofs, chain):
        monkeypatch.setattr(module, "node", lambda home: Node())
    monkeypatch.setattr(policy, "operate", lambda home, name, method, *_: ANSWERS.get(method))
    monkeypatch.setenv("BYSTACK_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "word").write_text("correct horse\n")
    (tmp_path / "a.pst").write_text("draft\n")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "a.named.key").write_text("{}")
    return tmp_path


DONE: Final = (
    ("wallet address", {"address": "rm1a", "chain": "main", "label": ""}),
    ("wallet label rm1a rent", {"address": "rm1a", "label": "rent"}),
    ("wallet unload default", {"name": "default", "loaded": False}),
    ("wallet transaction ab", ANSWERS["gettransaction"]),
    ("wallet encrypt --password-file word", "sealed"),
    ("wallet unlock --password-file word", {"locked": False, "seconds": 300}),
    ("wallet lock", {"locked": True}),
    ("wallet passphrase --password-file word --new-password-file word", {"changed": True}),
    ("wallet phrase --clear", ANSWERS["dumpphrase"]),
    ("wallet backup safe --clear", {"file": "safe", "warning": ""}),
    ("wallet abandon ab", {"txid": "ab", "abandoned": True}),
    ("wallet rescan --background", {"from_height": 0}),
    ("wallet rescan --abort", {"stopped": False}),
    ("wallet account rename old new", {"account": "new", "was": "old"}),
    ("wallet import-key address(rm1a)", {"success": True, "chain": "main"}),
    ("wallet import-address rm1a", {"address": "rm1a", "label": "", "rescan": True}),
    ("wallet gap 50", {"gap": 50}),
    ("send rm1b 2", {"txid": "ab", "chain": "main"}),
    ("pst create rm1b 2 out.pst", {"file": "out.pst", "fee": 0.1}),
    ("pst combine out.pst a.pst a.pst", {"file": "out.pst"}),
    ("pst finalize a.pst", {"file": "a.pst", "complete": False, "next": "bob"}),
    ("pst send a.pst", "ab"),
    ("pst release a.pst", {"coins": 1}),
    ("swap offer 1 BTM 2 GOLD out.pst", {"file": "out.pst"}),
    ("proof burn:aa out --sidechain trade", {"file": "out", "chain": "cc"}),
    ("federation approve trade 0a --reason seen", {"digest": "0a" * 32, "approved": True}),
    ("federation reject trade 0a --reason odd", {"digest": "0a" * 32, "approved": False}),
    ("federation policy trade", ANSWERS["policy"]),
    ("key backup safe", {"file": "safe", "files": 1}),
    ("rpc uptime", "a text"),
)  # fmt: skip


@pytest.mark.parametrize(("words", "told"), DONE)
def test_what_was_done_is_told_as_json(files: Path, words: str, told: Any) -> None:
    done = CliRunner().invoke(main, [*words.split(), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == told


@pytest.mark.parametrize("words", [words for words, _ in DONE])
def test_people_are_told_in_words(files: Path, words: str) -> None:
    done = CliRunner().invoke(main, words.split())
    assert done.exit_code == 0, done.output
    assert done.output.strip() and not done.stdout.startswith("{")


def test_a_transaction_for_people_has_no_hex(files: Path) -> None:
    said = CliRunner().invoke(main, ["wallet", "transaction", "ab"]).output
    assert "main: under 2 blocks" in said and "rm1b" in said and "00ff" not in said
