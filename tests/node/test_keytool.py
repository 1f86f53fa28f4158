"""`bystackd key`: makes keys and signs offline; prints public parts and signatures, no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bystack.federation.identity import identity_public
from bystack.node.keyfiles import WrongPassword, is_sealed, read_key
from bystack.node.main import main
from bystack.p2p.identity import Identity
from bystack.primitives import bls, keys

ALL = ("validator:trade", "member:trade", "named:super-1")
KINDS = {
    "trade.validator.key": "validator",
    "trade.node.key": "node",
    "trade.member.key": "member",
    "trade.governance.key": "governance",
    "super-1.named.key": "named",
}
DIGEST = "0d" * 32


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["key", *map(str, words)])


def made(home: Path, *words: object) -> dict:
    result = run("new", *ALL, "--home", home, "--cheap", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_it_prints_the_public_parts_of_what_lies_in_the_files(home: Path) -> None:
    public = made(home)
    secrets = {file: read_key(home / "keys" / file, kind) for file, kind in KINDS.items()}
    validator, member = public["validator"]["trade"], public["member"]["trade"]
    key = bytes.fromhex(validator["key"])
    assert key == bls.sk_to_pk(secrets["trade.validator.key"])
    assert bls.pop_verify(key, bytes.fromhex(validator["proof"]))
    node = Identity.from_seed(secrets["trade.node.key"]).node_id
    assert validator["node"] == node.hex()
    assert member["identity"] == identity_public(secrets["trade.member.key"]).hex()
    assert member["node"] == Identity.from_seed(secrets["trade.member.key"]).node_id.hex()
    assert member["governance"] == keys.public_key(secrets["trade.governance.key"]).hex()
    named = keys.public_key(secrets["super-1.named.key"])
    assert public["named"]["super-1"] == {"key": named.hex()}
    said = json.dumps(public)
    assert not [file for file, secret in secrets.items() if secret.hex() in said]
    assert len(set(secrets.values())) == len(secrets)


def test_files_are_private_and_never_written_over(home: Path) -> None:
    made(home)
    files = list((home / "keys").iterdir())
    assert {f.name for f in files} == set(KINDS)
    assert {f.stat().st_mode & 0o777 for f in files} == {0o600}
    assert (home / "keys").stat().st_mode & 0o777 == 0o700
    before = {f: f.read_bytes() for f in files}
    result = run("new", "member:trade", "--home", home, "--cheap")
    assert result.exit_code == 1 and "there is a key already" in result.stderr
    assert {f: f.read_bytes() for f in files} == before


def test_a_password_seals_all_but_the_node_key(home: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    made(home, "--password-file", tmp_path / "password")
    for file, kind in KINDS.items():
        path = home / "keys" / file
        assert is_sealed(path) == (kind != "node")
        assert read_key(path, kind, "correct horse", cheap=True)
        if kind != "node":
            with pytest.raises(WrongPassword):
                read_key(path, kind, "battery staple", cheap=True)


@pytest.mark.parametrize(
    "wanted", ["member", "member:", "share:trade", "member:../x", "member:a/b"]
)
def test_what_is_no_key_is_a_usage_error(home: Path, wanted: str) -> None:
    assert run("new", wanted, "--home", home).exit_code == 2
    assert not (home / "keys").exists() or not list((home / "keys").iterdir())


def test_a_named_key_signs_a_digest_offline(home: Path, tmp_path: Path) -> None:
    key = bytes.fromhex(made(home)["named"]["super-1"]["key"])
    path = home / "keys/super-1.named.key"
    result = run("sign", path, "--digest", DIGEST, "--cheap")
    signature = bytes.fromhex(result.stdout.strip())
    assert keys.verify(key, bytes.fromhex(DIGEST), signature)
    secret = read_key(path, "named")
    assert secret.hex() not in result.output


@pytest.mark.parametrize(
    ("file", "digest", "code", "said"),
    [
        ("super-1.named.key", "0d" * 31, 2, "32 bytes in hex expected"),
        ("super-1.named.key", "no hex", 2, "32 bytes in hex expected"),
        ("trade.governance.key", DIGEST, 1, "it is a governance key"),
        ("trade.validator.key", DIGEST, 1, "it is a validator key"),
        ("none.key", DIGEST, 2, "does not exist"),
    ],
)
def test_it_signs_nothing_else(home: Path, file: str, digest: str, code: int, said: str) -> None:
    made(home)
    result = run("sign", home / "keys" / file, "--digest", digest, "--cheap")
    assert result.exit_code == code and said in result.stderr and not result.stdout
