"""A sidechain put into a home, and taken out: what must fit before anything is written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import tomli_w

from bystack.client import hosting
from bystack.client.hosting import Removed
from bystack.client.rpc import Rpc
from bystack.client.tables import TableRefused, configuration
from bystack.mainchain.params import REGTEST, TEST
from bystack.primitives.plain import to_plain
from bystack.sidechain.params import Genesis
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import genesis_for
from tests.simulation.schemes import bls_keyring

LISTEN = {"listen": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    voters = bls_keyring(4).validators.validators
    return genesis_for(vault_chain(), main=REGTEST, validators=voters)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "bystack.toml").write_text('network = "regtest"\n')
    return tmp_path


def given(home: Path, genesis: Genesis, name: str = "given.toml") -> Path:
    path = home / name
    path.write_text(tomli_w.dumps(to_plain(genesis)))
    return path


def tree(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_genesis_is_kept_and_its_table_written(home: Path, genesis: Genesis) -> None:
    made = hosting.add(home, given(home, genesis), "", LISTEN, Rpc(home))
    assert (made.id, made.height, made.restarted) == (genesis.id.hex(), -1, [])
    (table,) = configuration(home).sidechain
    assert table.name == "trade" and hosting.read_genesis(home / table.genesis) == genesis
    with pytest.raises(TableRefused, match="configured already"):
        hosting.add(home, given(home, genesis), "", LISTEN, Rpc(home))
    with pytest.raises(TableRefused, match="configured already, as trade"):
        hosting.add(home, given(home, genesis), "other", LISTEN, Rpc(home))


def test_what_does_not_fit_writes_nothing(home: Path, genesis: Genesis) -> None:
    foreign = msgspec.structs.replace(genesis, main=TEST)
    broken = msgspec.structs.replace(genesis, pegin_bp=10_000)
    unknown = msgspec.structs.replace(
        genesis, consensus=msgspec.structs.replace(genesis.consensus, type="bbtf")
    )
    proofs = [one.proof for one in genesis.validators]
    rogue = msgspec.structs.replace(genesis.validators[1], proof=proofs[2])
    unproven = msgspec.structs.replace(
        genesis, validators=(genesis.validators[0], rogue, *genesis.validators[2:])
    )
    for wrong, said in (
        (foreign, "a sidechain of test"),
        (broken, "basis points"),
        (unknown, "not installed"),
        (unproven, "PossessionUnproven"),
    ):
        file = given(home, wrong)
        before = tree(home)
        with pytest.raises(TableRefused, match=said):
            hosting.add(home, file, "", LISTEN, Rpc(home))
        assert tree(home) == before
    keyless = {**LISTEN, "validator_key": "keys/trade.validator.key"}
    with pytest.raises(TableRefused, match="bystackd key new validator:trade"):
        hosting.add(home, given(home, genesis), "", keyless, Rpc(home))


@pytest.mark.parametrize("text", ["a = [", "a = " + "9" * 5_000, "a = " + "[" * 3_000])
def test_what_is_no_genesis_is_refused(home: Path, text: str) -> None:
    (home / "stranger.toml").write_text(text)
    with pytest.raises(TableRefused, match="get the file again"):
        hosting.add(home, home / "stranger.toml", "", LISTEN, Rpc(home))


def test_a_genesis_that_lies_there_is_not_overwritten(home: Path, genesis: Genesis) -> None:
    (home / "sidechains").mkdir()
    given(home, genesis, "sidechains/trade.genesis.toml")
    other = msgspec.structs.replace(genesis, pegin_bp=7)
    with pytest.raises(TableRefused, match="another --name"):
        hosting.add(home, given(home, other), "", LISTEN, Rpc(home))


def test_removed_it_leaves_its_data(home: Path, genesis: Genesis) -> None:
    hosting.add(home, given(home, genesis), "", LISTEN, Rpc(home))
    (home / "data" / "sidechain-trade").mkdir(parents=True)
    done = hosting.remove(home, "trade", with_membership=False)
    assert done == Removed(["data/sidechain-trade", "sidechains/trade.genesis.toml"], 0, [])
    assert configuration(home).sidechain == ()
    with pytest.raises(TableRefused, match="no sidechain trade"):
        hosting.remove(home, "trade", with_membership=False)
    kept = home / "sidechains" / "trade.genesis.toml"
    assert hosting.add(home, kept, "", LISTEN, Rpc(home)).id == genesis.id.hex()


def test_a_member_does_not_lose_the_sidechain_it_serves(home: Path, genesis: Genesis) -> None:
    hosting.add(home, given(home, genesis), "", LISTEN, Rpc(home))
    for place in ("keys/trade.member.key", "federations/trade.charter.toml"):
        with pytest.raises(TableRefused, match="is missing"):
            hosting.membership(home, "trade", "127.0.0.1:0", [])
        (home / place).parent.mkdir(exist_ok=True)
        (home / place).write_text("x = 1\n")
    (home / "federations" / "trade.roster.toml").write_text("x = 1\n")
    hosting.membership(home, "trade", "127.0.0.1:0", ["127.0.0.1:7000"])
    with pytest.raises(TableRefused, match="configured already"):
        hosting.membership(home, "trade", "127.0.0.1:0", [])
    before = tree(home)
    with pytest.raises(TableRefused, match="--with-membership"):
        hosting.remove(home, "trade", with_membership=False)
    assert tree(home) == before
    hosting.remove(home, "trade", with_membership=True)
    assert configuration(home).federation == ()


@pytest.mark.parametrize(
    ("listen", "advertise", "words"),
    [
        ("127.0.0.1:0", "", "port changes at each start"),
        ("0.0.0.0:7101", "", "set advertise in federations/trade.toml"),
        ("0.0.0.0:7101", "alice.example:7101", ""),
        ("192.0.2.7:7101", "", ""),
    ],
)
def test_an_operator_is_told_where_others_do_not_find_him(
    listen: str, advertise: str, words: str
) -> None:
    said = hosting.hard_to_reach("trade", listen, advertise)
    assert words in " ".join(said) and bool(said) == bool(words)
