"""`bystack federation charter`: what it says, and the exit code scripts go by."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import tomli_w
from click.testing import CliRunner, Result

from bystack.client.cli.federation.charter import charter
from bystack.primitives import bls
from tests.federation.charters import TRADE
from tests.federation.rosters import roster_file

GROUP, OTHER = (bls.sk_to_pk(bls.key_gen(bytes([n]) * 32)).hex() for n in (1, 2))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("old.toml").write_bytes(TRADE)
    Path("new.toml").write_bytes(TRADE.replace(b'"100"', b'"201"'))
    Path("bad.toml").write_bytes(TRADE.replace(b'"100"', b'"0"').replace(b"freeze", b"freze"))
    Path("roster.toml").write_text(tomli_w.dumps(msgspec.to_builtins(roster_file())))
    Path("light.toml").write_text(tomli_w.dumps(msgspec.to_builtins(roster_file(threshold=3))))
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(charter, words)


def test_check_tells_every_fault_and_fails(folder: Path) -> None:
    good = run("check", "old.toml", "--roster", "roster.toml")
    assert good.exit_code == 0
    assert "Next: bystack federation charter explain old.toml" in good.output
    bad = run("check", "bad.toml")
    assert bad.exit_code == 1
    assert "tier[0].limit.BTC" in bad.output and "did you mean 'freeze'?" in bad.output
    light = run("check", "old.toml", "--roster", "light.toml", "--json")
    assert light.exit_code == 1
    assert msgspec.json.decode(light.output)["faults"][0]["where"] == "roster.member"


def test_compile_gives_everybody_the_same_hash(folder: Path) -> None:
    words = ("compile", "old.toml", "--roster", "roster.toml", "--json", "--group-key")
    first, second = (run(*words, key) for key in (GROUP, f"operations={OTHER}"))
    made = [msgspec.json.decode(one.output) for one in (first, second)]
    assert made[0]["charter"] == made[1]["charter"] and made[0]["hash"] != made[1]["hash"]
    people = run("compile", "old.toml", "--roster", "roster.toml", "--group-key", GROUP)
    assert "Next: every member compiles it" in people.output


@pytest.mark.parametrize("given", [["zz"], ["00" * 48], ["treasury=" + GROUP], []])
def test_compile_says_which_group_key_it_wants(folder: Path, given: list[str]) -> None:
    words = [word for key in given for word in ("--group-key", key)]
    found = run("compile", "old.toml", "--roster", "roster.toml", *words)
    assert found.exit_code == 2 and "Error: " in found.output
    assert any(word in found.output for word in ("not in hex", "no BLS", "operations"))


def test_explain_answers_what_a_leak_costs(folder: Path) -> None:
    whole = run("explain", "old.toml", "--roster", "roster.toml")
    assert "Group key operations: weight 5 of 7 signs." in whole.output
    assert whole.output.splitlines()[-1].startswith("Next: the same with --leaked NAMES")
    words = ("explain", "old.toml", "--roster", "roster.toml", "--leaked")
    assert "They move nothing" in run(*words, "operator:alpha").output
    told = run(*words, "alpha,beta,gamma", "--answer", "9")
    assert "BTC: at most 101.5625 until it is ended, 9 blocks after the first." in told.output
    nobody = run(*words, "nobody")
    assert nobody.exit_code == 1 and "LeakedUnknown" in nobody.output


def test_diff_says_what_changes_and_whether_it_may(folder: Path) -> None:
    same = run("diff", "old.toml", "old.toml")
    assert same.exit_code == 0 and "Allowed as one change." in same.output
    Path("less.toml").write_bytes(TRADE.replace(b'"100"', b'"90"'))
    less = run("diff", "old.toml", "less.toml")
    assert less.exit_code == 0
    assert "Next: decide on it: bystack federation propose trade terms" in less.output
    more = run("diff", "old.toml", "new.toml", "--roster", "roster.toml")
    assert more.exit_code == 1
    assert "looser: Tier ordinary pays at most 201 BTC at once, was 100." in more.output
    assert "LimitsRise" in more.output
