"""`bystack sidechain`: from other people's files to the files of a sidechain, step by step."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from bystack.client.cli.main import main
from tests.client.sidechain_new.founders import KEYS, parts


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "bystack.toml").write_text('network = "regtest"\n')
    for facts in parts():
        (tmp_path / f"{facts['name']}.json").write_bytes(msgspec.json.encode(facts))
    return folder


def run(home: Path, *words: str, said: str = "") -> Result:
    return CliRunner().invoke(main, ["sidechain", *words, "--home", str(home)], input=said)


def new(home: Path, *words: str, said: str = "") -> Result:
    files = [str(path) for path in sorted(home.parent.glob("op*.json"))]
    return run(home, "new", "port", *files, *words, said=said)


GIVEN = ["--asset", "BTM", "--limit", "BTM=100"]
GIVEN += [word for name, key in KEYS.items() for word in ("--key", f"{name}={key}")]


def test_flags_alone_make_the_files_and_say_the_next_step(home: Path) -> None:
    done = new(home, "--yes", *GIVEN)
    assert done.exit_code == 0, done.output
    assert "Tier ordinary: bls(operations) may pay out at most 100 BTM" in done.output
    assert "Next: give the three files to every member" in done.output
    for place in (
        "federations/port.charter.toml",
        "federations/port.roster.toml",
        "sidechains/port.spec.toml",
    ):
        assert (home / place).exists()
    again = new(home, "--yes", *GIVEN)
    assert again.exit_code == 1 and "bystack sidechain next port" in again.output
    assert new(home, "--yes", "--replace", *GIVEN).exit_code == 0
    (home / "keys").mkdir()
    (home / "keys" / "port-epoch-0-share-1.key").write_bytes(b"")
    bound = new(home, "--yes", "--replace", *GIVEN)
    assert bound.exit_code == 1 and "bound to its charter" in bound.output


def test_all_faults_come_at_once_and_nothing_is_written(home: Path) -> None:
    done = new(home, "--yes", "--asset", "BTM")
    assert done.exit_code == 2
    assert [line.partition(":")[0] for line in done.output.splitlines()][:3] == [
        "limit of BTM",
        "guards",
        "recovery",
    ]
    assert new(home, "--yes", "--asset", "X").exit_code == 2
    assert not (home / "federations").exists() and not (home / "sidechains").exists()


def test_who_has_no_terminal_is_told_what_to_give(home: Path) -> None:
    done = new(home, "--asset", "BTM")
    assert done.exit_code == 2 and "Aborted" not in done.output
    assert "There is no terminal to ask at" in done.output
    assert "limit of BTM: none; expected --limit BTM=AMOUNT a window" in done.output
    assert "with --yes for the defaults" in done.output and not (home / "federations").exists()


def test_questions_lead_to_the_same_files(home: Path) -> None:
    keys = "".join(f"{name}={key}\n" for name, key in KEYS.items())
    done = new(home, "--json", said=f"\nBTM\n\n100\n{keys}\n\n\n\n")
    assert done.exit_code == 0, done.output
    charter = (home / "federations" / "port.charter.toml").read_bytes()
    assert new(home, "--yes", "--replace", *GIVEN).exit_code == 0
    assert (home / "federations" / "port.charter.toml").read_bytes() == charter


def test_next_says_where_the_launch_stands(home: Path) -> None:
    first = run(home, "next", "port")
    assert first.exit_code == 0 and "Next: bystack sidechain new port" in first.output
    assert new(home, "--yes", *GIVEN).exit_code == 0
    second = json.loads(run(home, "next", "port", "--json").output)
    assert [step["done"] for step in second] == [True, False]
    assert second[-1]["next"].startswith("bystack federation init port, then bystack sidechain")
    (home / "keys").mkdir()
    (home / "keys" / "port.member.key").write_text("")
    joined = run(home, "apply", "port")
    assert joined.exit_code == 0 and "bystack federation keygen port" in joined.output
    roster = (home / "federations" / "port.roster.toml").read_bytes()
    assert f"roster  {hashlib.sha256(roster).hexdigest()}" in joined.output, "compared by voice"
    (home / "federations" / "port.toml").unlink()
    again = json.loads(run(home, "apply", "port", "--json").output)
    assert again["roster"] == hashlib.sha256(roster).hexdigest() and again["running"] is False
    third = json.loads(run(home, "next", "port", "--json").output)
    assert third[-1]["says"] == "its process is not up"


def test_list_and_removal_of_nothing(home: Path) -> None:
    assert "bystack sidechain add FILE" in run(home, "list").output
    for words in ((), ("--yes",)):
        gone = run(home, "remove", "port", *words)
        assert gone.exit_code == 1 and gone.output.startswith("no sidechain port"), (
            "nobody is asked"
        )


def runs_port(home: Path) -> None:
    """The node runs the sidechain, as far as its configuration says."""
    table = '[[sidechain]]\nname = "port"\ngenesis = "sidechains/port.genesis.toml"\n'
    (home / "sidechains").mkdir()
    (home / "sidechains/port.toml").write_text(table.partition("\n")[2])


def test_a_member_is_refused_before_it_is_asked(home: Path) -> None:
    runs_port(home)
    for place in ("keys/port.member.key", "federations/port.charter.toml"):
        (home / place).parent.mkdir()
        (home / place).write_text("")
    member = 'name = "port"\nmember_key = "keys/port.member.key"\n'
    member += 'charter = "federations/port.charter.toml"\n'
    (home / "federations/port.toml").write_text(member)
    done = run(home, "remove", "port", said="y\n")
    assert done.exit_code == 1 and done.output.startswith("this node is a member"), done.output
    asked = run(home, "remove", "port", "--with-membership", said="n\n")
    assert asked.exit_code == 1 and "nothing was done" in asked.output


def test_who_is_not_there_to_answer_is_told_of_the_option(home: Path) -> None:
    runs_port(home)
    for said in ("n\n", ""):
        done = run(home, "remove", "port", said=said)
        assert done.exit_code == 1 and "nothing was done; answer y, or give --yes" in done.output
