"""A sidechain's genesis as a file: the values make the id; what is no genesis is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from bystack.node.genesis_files import (
    GenesisFileError,
    genesis_path,
    read_genesis,
    write_genesis,
)
from bystack.sidechain.params import MAX_GENESIS, Genesis
from tests.sidechain.world import ASSETS, genesis_for, vault_chain
from tests.simulation.schemes import bls_keyring


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return genesis_for(vault_chain(), validators=bls_keyring(4).validators.validators)


def test_what_is_written_is_read(tmp_path: Path, genesis: Genesis) -> None:
    path = tmp_path / "sidechains/trade.genesis.toml"
    write_genesis(path, genesis)
    assert read_genesis(path) == genesis and genesis.id.hex() in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    path.write_text("# mine\n" + text.replace("# Genesis", "# genesis"))
    assert read_genesis(path).id == genesis.id
    assert genesis_path("trade") == "sidechains/trade.genesis.toml"


def test_one_value_changed_is_another_sidechain(tmp_path: Path, genesis: Genesis) -> None:
    path = tmp_path / "g.toml"
    write_genesis(path, replace(genesis, pegin_bp=genesis.pegin_bp + 1))
    assert read_genesis(path).id != genesis.id


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "trade"', 'name = "Trade"'),
        ('name = "trade"', 'name = "trade"\nsurplus = 1'),
        ("pegin_bp = 100", 'pegin_bp = "100"'),
        ("pegin_bp = 100", "pegin_bp = 10000"),
        ("pegin_bp = 100", "pegin_bp = -1"),
        ("pegin_bp = 100", "pegin_bp = 70000"),
        ("pegin_bp = 100", "pegin_bp = 1.5"),
        ("pegin_bp = 100", "pegin_bp = true"),
        ("pegin_bp = 100", "pegin_bp = 123456789012345678901234567890"),
        ("confirmations = 6", "confirmations = 0"),
        ("version = 1", ""),
        ('kind = "', 'kind = "No'),
        ("vault = ", 'vault = "zz" #'),
        ("[main]", "[[main]]"),
    ],
)
def test_what_is_no_genesis_is_refused(
    tmp_path: Path, genesis: Genesis, old: str, new: str
) -> None:
    path = tmp_path / "g.toml"
    write_genesis(path, genesis)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(GenesisFileError, match=r"g\.toml.*get the file again"):
        read_genesis(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 9,
        b"a = [",
        b"a = " + b"9" * 5_000,
        b"a = " + b"[" * 3_000,
        b"x" * (8 * MAX_GENESIS + 1),
    ],
)
def test_rubbish_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "g.toml").write_bytes(data)
    with pytest.raises(GenesisFileError):
        read_genesis(tmp_path / "g.toml")
    with pytest.raises(GenesisFileError):
        read_genesis(tmp_path / "none.toml")


def test_validators_prove_their_keys(tmp_path: Path, genesis: Genesis) -> None:
    """Certificates are verified against the sum of keys: a key made from the others' signs for
    all of them (rogue key), unless each is proved to be held."""
    a, b, *rest = genesis.validators
    for validators in ((replace(a, proof=b.proof), b, *rest), (a, a, *rest)):
        write_genesis(tmp_path / "g.toml", replace(genesis, validators=validators))
        with pytest.raises(GenesisFileError, match=r"PossessionUnproven|DuplicateKey"):
            read_genesis(tmp_path / "g.toml")


def test_assets_are_listed_once(tmp_path: Path, genesis: Genesis) -> None:
    write_genesis(tmp_path / "g.toml", replace(genesis, assets=(ASSETS[0], ASSETS[0])))
    with pytest.raises(GenesisFileError, match="listed twice"):
        read_genesis(tmp_path / "g.toml")
