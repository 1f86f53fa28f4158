"""What a signer followed of its sidechain is found again; a contradiction is never forgotten."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from bystack.mainchain.params import REGTEST
from bystack.node.config import commented_config
from bystack.node.genesis_files import write_genesis
from bystack.node.main import main
from bystack.node.signer import journals
from bystack.node.signer.light import Following, LightFileDamaged, light_path
from bystack.sidechain.consensus.light import ClientFrozen, EpochOrder, EpochProof
from bystack.sidechain.consensus.validators import ValidatorSet
from bystack.sidechain.engines import verifier_of
from bystack.sidechain.params import Genesis
from tests.federation.peg import RING, final, header_of
from tests.sidechain.world import genesis_for, vault_chain

VOTERS = RING.validators.validators


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return genesis_for(vault_chain(), validators=VOTERS)


def following(folder: Path, genesis: Genesis) -> Following:
    return Following(light_path(str(folder), "trade"), genesis, verifier_of(genesis))


def proof(genesis: Genesis, epoch: int) -> EpochProof:
    """The same validators go on."""
    now, then = (ValidatorSet(one, VOTERS) for one in (epoch, epoch + 1))
    named = {"validators_hash": now.hash, "next_validators_hash": then.hash}
    return EpochProof(
        final(header_of(genesis, 10 * epoch + 9, epoch=epoch, **named), epoch=epoch), ()
    )


def test_epochs_are_followed_once_and_kept(tmp_path: Path, genesis: Genesis) -> None:
    first = following(tmp_path, genesis)
    assert first.advance([proof(genesis, 0), proof(genesis, 1)]) == 2
    again = following(tmp_path, genesis)
    assert again.epoch == 2
    # What is known is passed over, so whoever feeds it may begin anywhere before.
    assert again.advance([proof(genesis, epoch) for epoch in range(4)]) == 4
    with pytest.raises(EpochOrder):
        again.advance([proof(genesis, 9)])
    assert following(tmp_path, genesis).epoch == 4


def test_what_was_followed_before_a_refusal_is_kept(tmp_path: Path, genesis: Genesis) -> None:
    bad = replace(proof(genesis, 1), final=final(header_of(genesis, 19, epoch=1)))
    with pytest.raises(Exception, match="EpochNext"):
        following(tmp_path, genesis).advance([proof(genesis, 0), bad])
    assert following(tmp_path, genesis).epoch == 1


def test_a_contradiction_outlives_the_process(tmp_path: Path, genesis: Genesis) -> None:
    one, other = final(header_of(genesis, 7)), final(header_of(genesis, 7, proposer=9))
    first = following(tmp_path, genesis)
    assert not first.compare(one, final(header_of(genesis, 30)))
    assert first.compare(one, other)
    again = following(tmp_path, genesis)
    with pytest.raises(ClientFrozen):
        again.client.verify(one)
    with pytest.raises(ClientFrozen):
        again.advance([proof(genesis, 0)])


def test_another_sidechains_file_and_a_damaged_one(tmp_path: Path, genesis: Genesis) -> None:
    following(tmp_path, genesis).advance([proof(genesis, 0)])
    assert following(tmp_path, replace(genesis, pegin_bp=7)).epoch == 0
    Path(light_path(str(tmp_path), "trade")).write_bytes(b"\x93")
    with pytest.raises(LightFileDamaged):
        following(tmp_path, genesis)


def believed(header: bytes, *words: str) -> Result:
    line = ["key", "believe", "trade", "--home", ".", "--header", header.hex(), *words]
    return CliRunner().invoke(main, line)


def test_the_operator_says_which_block_stands(
    tmp_path: Path, genesis: Genesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("data/signer")
    folder.mkdir(parents=True)
    Path("sidechains").mkdir()
    Path("bystack.toml").write_text(commented_config("regtest"))
    write_genesis("sidechains/trade.genesis.toml", genesis)
    one, other = final(header_of(genesis, 7)), final(header_of(genesis, 7, proposer=9))
    none = believed(one.header.id)
    assert none.exit_code == 1 and "contradicts nothing" in none.output
    following(folder, genesis).compare(one, other)
    wrong = believed(b"\x01" * 32)
    assert wrong.exit_code == 1 and one.header.id.hex() in wrong.output
    with journals.open_warrants(str(folder), "trade", REGTEST.magic):
        assert "another process holds it" in believed(one.header.id).output
    done = believed(one.header.id, "--json")
    assert done.exit_code == 0, done.output
    told = msgspec.json.decode(done.stdout)
    assert told == {"sidechain": "trade", "header": one.header.id.hex()}
    following(folder, genesis).client.verify(one)
    with pytest.raises(ClientFrozen):
        following(folder, genesis).client.verify(other)
