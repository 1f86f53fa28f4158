"""`bystackd key consent`: the file that registers a validator, made offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bystack.ledger.checks import verify_checks
from bystack.node.consenting import OperatorAddress, registration
from bystack.node.genesis_files import write_genesis
from bystack.node.main import main
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address
from bystack.sidechain.modules.stake.actions import Register, key_checks
from tests.sidechain.elections import elected
from tests.sidechain.modules.stake.table import runner

ROOT = b"\x07" * 32


def operator(hrp: str = "tr") -> str:
    return encode_address(Address(hrp, POLICY, ROOT))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = run("new", "validator:trade", "--home", "home", "--cheap")
    assert made.exit_code == 0, made.output
    genesis = elected().genesis
    write_genesis(tmp_path / "home/sidechains/trade.genesis.toml", genesis)
    return tmp_path / "home"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["key", *map(str, words)])


def test_what_it_prints_registers(home: Path) -> None:
    done = run("consent", "trade", "--operator", operator(), "--home", home, "--cheap")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    genesis = elected().genesis
    assert said["chain"] == genesis.id.hex() and said["operator"] == operator()
    parts = {name: bytes.fromhex(said[name]) for name in ("key", "proof", "consent", "node")}
    action = Register(operator=ROOT, commission=0, amount=100, **parts)
    assert verify_checks(key_checks(genesis.id, action))
    assert "secret" not in done.stdout


def test_what_it_refuses(home: Path) -> None:
    deposit = encode_address(Address("tr", DEPOSIT, bytes(96)))
    for name, address in (
        ("games", operator()),
        ("trade", operator("other")),
        ("trade", deposit),
        ("trade", "nonsense"),
    ):
        done = run("consent", name, "--operator", address, "--home", home, "--cheap")
        assert done.exit_code == 1 and not done.stdout
    one = runner(1)
    with pytest.raises(OperatorAddress):
        registration(elected().genesis, one.secret, bytes(32), deposit)


def test_it_is_among_the_key_commands() -> None:
    listed = CliRunner().invoke(main, ["key", "--help"]).output
    assert all(name in listed for name in ("consent", "new", "sign", "accept-lost-journal"))
