"""A key that voted never gets a fresh journal in silence; its operator may accept to abstain."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result

from bystack.mainchain.params import REGTEST
from bystack.node.config import commented_config
from bystack.node.main import main
from bystack.node.signer import journals, marks
from bystack.node.signer.journals import FloorLow, JournalElsewhere
from bystack.node.signer.marks import Mark
from bystack.node.signer.votes import Abstaining, ChainBehind, JournalOld, Voter
from bystack.node.store.journal import Journal, JournalCorrupt, JournalLocked, JournalMissing
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.sidechain.consensus.positions import GoingBack, SignedBefore
from bystack.sidechain.consensus.statements import Step
from bystack.sidechain.params import Genesis
from tests.node.signer.asked import commit_with_ours, vote
from tests.sidechain.world import genesis_for, vault_chain
from tests.simulation.schemes import bls_keyring

SECRET = bls.key_gen(b"simulated validator %d" % 0 + bytes(32))
DATA = "data/signer"
VOTES = Path(DATA, "votes-trade.journal")
MARK = Path("keys/trade.votes")
TABLE = """
[[sidechain]]
name = "trade"
genesis = "sidechains/trade.genesis.toml"
validator_key = "keys/trade.validator.key"
"""


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return genesis_for(vault_chain(), validators=bls_keyring(4).validators.validators)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("keys", "sidechains"):
        os.makedirs(folder, mode=0o700)
    Path("bystack.toml").write_text(commented_config("regtest") + TABLE)


def mark(genesis: Genesis) -> Mark:
    return Mark(bls.sk_to_pk(SECRET), genesis.id)


def opened(genesis: Genesis, name: str = "trade") -> Journal:
    return journals.open_votes(DATA, name, mark(genesis), REGTEST.magic).journal


def asked(voter: Voter, method: str, *params: object) -> object:
    return trio.run(voter.handle, method, params)


def began(genesis: Genesis, *heights: int) -> None:
    """A signer ran here and voted at these heights."""
    with opened(genesis) as journal:
        voter = Voter(SECRET, genesis, journal)
        asked(voter, "ready_empty", 0)
        for height in heights:
            asked(voter, "sign", encode(vote(height)))


def accept(height: int, *words: str, **more: str) -> Result:
    line = ["key", "accept-lost-journal", "trade", "--home", "."]
    return CliRunner().invoke(main, [*line, "--after-height", str(height), *words], **more)


# -- the mark


def test_the_mark_is_private_and_names_the_key(genesis: Genesis) -> None:
    began(genesis, 1)
    assert stat.S_IMODE(MARK.stat().st_mode) == 0o600
    text = MARK.read_text()
    assert text.startswith(f"{bls.sk_to_pk(SECRET).hex()} ") and "never delete" in text
    assert SECRET.hex() not in text
    began(genesis, 2)
    assert MARK.read_text().splitlines()[0] == text.splitlines()[0]


@pytest.mark.parametrize("lost", [str(VOTES), "data"])
def test_a_lost_journal_is_not_begun_again(genesis: Genesis, lost: str) -> None:
    began(genesis, 1, 2)
    shutil.rmtree(lost) if Path(lost).is_dir() else os.unlink(lost)
    for _ in range(2):
        with pytest.raises(JournalMissing, match="accept-lost-journal trade --after-height"):
            opened(genesis)
    assert not VOTES.exists()


def test_a_damaged_journal_names_the_same_step(genesis: Genesis) -> None:
    began(genesis, 1, 2)
    data = bytearray(VOTES.read_bytes())
    data[20] ^= 1
    VOTES.write_bytes(data)
    with pytest.raises(JournalCorrupt, match="accept-lost-journal trade --after-height"):
        opened(genesis)


def test_the_mark_comes_after_the_journal_and_before_the_first_vote(
    genesis: Genesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the two leaves a start that is repeated."""
    order: list[str] = []
    replace = marks.files.replace

    def crash(path: object, data: bytes) -> None:
        order.append(str(path))
        if str(path) == str(MARK):
            raise KeyboardInterrupt
        replace(str(path), data)

    with monkeypatch.context() as patch:
        patch.setattr(marks.files, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            opened(genesis)
    assert order == [str(VOTES), str(MARK)] and not MARK.exists()
    began(genesis, 1)  # and the lock was released
    assert MARK.exists()


def test_another_name_is_no_way_to_a_fresh_journal(genesis: Genesis) -> None:
    began(genesis, 5)
    with pytest.raises(JournalElsewhere, match="as trade"):
        opened(genesis, "renamed")
    os.rename(VOTES, Path(DATA, "votes-renamed.journal"))
    with opened(genesis, "renamed") as journal:
        assert len(journal) == 1
    other = Mark(bls.sk_to_pk(SECRET), b"\x01" * 32)
    journals.open_votes(DATA, "second-chain", other, REGTEST.magic).journal.close()


def test_a_mark_speaks_for_one_key_on_one_chain(genesis: Genesis) -> None:
    began(genesis, 5)
    for other in (Mark(bls.sk_to_pk(SECRET), b"\x01" * 32), Mark(b"\x02" * 48, genesis.id)):
        with pytest.raises(JournalElsewhere, match="another key or another chain"):
            journals.open_votes(DATA, "trade", other, REGTEST.magic)


@pytest.mark.parametrize("index", [1, 12])
def test_shares_mark_the_journal_of_orders(index: int) -> None:
    path = Path(DATA, "warrants-trade.journal")
    with journals.open_warrants(DATA, "trade", REGTEST.magic) as journal:
        journal.append(b"warrant")
    Path(f"keys/trade-epoch-0-share-{index}.key").touch()
    with journals.open_warrants(DATA, "trade", REGTEST.magic) as journal:
        assert len(journal) == 1
    path.unlink()
    for _ in range(2):
        with pytest.raises(JournalMissing, match=r"move keys/trade-epoch-\*-share-\*\.key away"):
            journals.open_warrants(DATA, "trade", REGTEST.magic)
    assert not path.exists()
    journals.open_warrants(DATA, "games", REGTEST.magic).close()


# -- abstaining


def test_an_accepted_journal_abstains_to_its_height(genesis: Genesis) -> None:
    began(genesis, 1, 2)
    VOTES.unlink()
    done = accept(12, "--yes")
    assert done.exit_code == 0 and "abstains up to height 12" in done.stdout, done.stderr
    shown = (
        encode(commit_with_ours(genesis, SECRET, 12)),
        encode(genesis.validator_set),
    )
    for _ in range(2):  # also after a restart
        with opened(genesis) as journal:
            voter = Voter(SECRET, genesis, journal)
            with pytest.raises(ChainBehind):
                asked(voter, "ready_empty", 10)
            assert asked(voter, "ready", *shown) is True and asked(voter, "last") is None
            for height in (1, 11, 12):
                for step in (Step.PREPARE, Step.COMMIT):
                    with pytest.raises(Abstaining):
                        asked(voter, "sign", encode(vote(height, step, view=7)))
            assert len(journal) == 1
    with opened(genesis) as journal:
        voter = Voter(SECRET, genesis, journal)
        asked(voter, "ready", *shown)
        asked(voter, "sign", encode(vote(14)))
    with opened(genesis) as journal:
        voter = Voter(SECRET, genesis, journal)
        asked(voter, "ready", *shown)
        for height, rule in ((12, Abstaining), (13, GoingBack)):
            with pytest.raises(rule):
                asked(voter, "sign", encode(vote(height)))
        with pytest.raises(SignedBefore):
            asked(voter, "sign", encode(vote(14, block=b"\x0c" * 32)))


def test_a_height_too_low_is_found_by_a_vote_above_it(genesis: Genesis) -> None:
    assert accept(12, "--yes").exit_code == 0
    with opened(genesis) as journal:
        voter = Voter(SECRET, genesis, journal)
        with pytest.raises(JournalOld):
            shown = commit_with_ours(genesis, SECRET, 13)
            asked(voter, "ready", encode(shown), encode(genesis.validator_set))
        with pytest.raises(JournalOld):
            asked(voter, "sign", encode(vote(20)))


def test_it_asks_first_and_explains(genesis: Genesis) -> None:
    began(genesis, 1)
    VOTES.unlink()
    for answer in ("", "n\n"):
        refused = accept(12, input=answer)
        assert refused.exit_code == 1 and not VOTES.exists()
        assert "evidence against you" in refused.stderr and "stands still" in refused.stderr
    assert accept(12, input="y\n").exit_code == 0 and VOTES.exists()


@pytest.mark.parametrize(
    "words", [["trade"], ["games", "--after-height", "9"], ["trade", "--after-height", "1"]]
)
def test_name_and_height_are_wanted(words: list[str]) -> None:
    line = ["key", "accept-lost-journal", "--home", ".", "--yes", *words]
    assert CliRunner().invoke(main, line).exit_code == 2
    assert not Path("data").exists()


def test_what_is_left_of_the_old_journal_bounds_the_height_and_is_kept(genesis: Genesis) -> None:
    began(genesis, 1, 9)
    before = VOTES.read_bytes()
    low = accept(8, "--yes")
    assert low.exit_code == 1 and "--after-height 9 or more" in low.stderr
    with pytest.raises(FloorLow):
        journals.begin_abstaining(DATA, "trade", 8, REGTEST.magic)
    with opened(genesis), pytest.raises(JournalLocked):
        journals.begin_abstaining(DATA, "trade", 9, REGTEST.magic)
    assert VOTES.read_bytes() == before
    assert accept(9, "--yes").exit_code == 0
    assert Path(f"{VOTES}.replaced-1").read_bytes() == before
    VOTES.write_bytes(b"rubbish")
    told = json.loads(accept(11, "--yes", "--json").stdout)
    assert (told["sidechain"], told["abstains_up_to"]) == ("trade", 11)
    assert told["old_journal"] == f"{VOTES}.replaced-2"
    assert Path(f"{VOTES}.replaced-2").read_bytes() == b"rubbish"
    with opened(genesis) as journal:
        assert journals.floor_of(journal) == 11


def test_an_accepted_journal_is_there_whole_or_not_at_all(
    genesis: Genesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash must not leave a fresh journal that signs anything."""
    began(genesis, 1)
    VOTES.unlink()
    seen: list[bool] = []
    rename = os.rename

    def watch(*paths: str) -> None:
        seen.append(VOTES.exists())
        rename(*paths)
        with Journal.open(VOTES, kind="votes", magic=REGTEST.magic) as journal:
            seen.append(journals.floor_of(journal) == 12)

    monkeypatch.setattr(os, "rename", watch)
    accept(12, "--yes")
    assert seen[:2] == [False, True] and all(seen[2:])  # then the mark is written anew
