"""The mark beside the key: a journal restored from an old copy is behind it, whatever the chain."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from click.testing import CliRunner

from bystack.mainchain.params import REGTEST
from bystack.node.config import commented_config
from bystack.node.main import main
from bystack.node.processes.role_main import RoleContext
from bystack.node.roles.signer import Keepers
from bystack.node.signer import journals
from bystack.node.signer.holding import KeyHeld, hold_key
from bystack.node.signer.journals import JournalRestored, KeyStopped, Votes
from bystack.node.signer.marks import Mark, MarkDamaged, mark_path, read_mark
from bystack.node.signer.votes import MARK_EVERY, JournalOld, Voter
from bystack.node.store.journal import Journal
from bystack.primitives import bls
from bystack.primitives.codec import encode
from bystack.sidechain.params import Genesis
from tests.node.signer.asked import commit_with_ours, vote
from tests.node.signer.test_journals import DATA, SECRET, TABLE, VOTES
from tests.sidechain.world import genesis_for, vault_chain
from tests.simulation.schemes import bls_keyring

MARK = Path("keys/trade.votes")
COPY = Path("copy.journal")


@pytest.fixture(scope="module")
def genesis() -> Genesis:
    return genesis_for(vault_chain(), validators=bls_keyring(4).validators.validators)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("keys", "sidechains"):
        os.makedirs(folder, mode=0o700)
    Path("bystack.toml").write_text(commented_config("regtest") + TABLE)


def opened(genesis: Genesis) -> Votes:
    mark = Mark(bls.sk_to_pk(SECRET), genesis.id)
    return journals.open_votes(DATA, "trade", mark, REGTEST.magic)


def ask(voter: Voter, method: str, *params: object) -> object:
    return trio.run(voter.handle, method, params)


def voted(genesis: Genesis, *heights: int, orderly: bool = True) -> None:
    """A signer ran, voted at these heights, and ended (in order, or was killed)."""
    votes = opened(genesis)
    with votes.journal:
        voter = Voter(SECRET, genesis, votes)
        ask(voter, "ready_empty", max(heights))
        for height in heights:
            ask(voter, "sign", encode(vote(height)))
        if orderly:
            voter.mark()


def served(genesis: Genesis) -> None:
    opened(genesis).journal.close()


def accept(height: int) -> int:
    line = ["key", "accept-lost-journal", "trade", "--home", ".", "--yes"]
    return CliRunner().invoke(main, [*line, "--after-height", str(height)]).exit_code


def test_an_old_copy_is_found_without_any_chain(genesis: Genesis) -> None:
    voted(genesis, 1, 2)
    shutil.copy(VOTES, COPY)
    voted(genesis, 3)
    newest = VOTES.read_bytes()
    shutil.copy(COPY, VOTES)
    for _ in range(2):
        with pytest.raises(JournalRestored, match="accept-lost-journal trade --after-height"):
            served(genesis)
    VOTES.write_bytes(newest)
    served(genesis)


def test_a_fresh_journal_in_place_of_the_old_is_found(genesis: Genesis) -> None:
    voted(genesis, 1)
    VOTES.unlink()
    other = MARK.rename("aside")
    served(genesis)  # somebody began anew, then put the mark back
    other.rename(MARK)
    with pytest.raises(JournalRestored):
        served(genesis)


def test_another_vote_at_the_same_place_is_found(genesis: Genesis) -> None:
    voted(genesis, 1)
    VOTES.unlink()
    mark = MARK.read_bytes()
    MARK.unlink()
    votes = opened(genesis)
    with votes.journal:
        voter = Voter(SECRET, genesis, votes)
        ask(voter, "ready_empty", 1)
        ask(voter, "sign", encode(vote(1, block=b"\x0c" * 32)))
    MARK.write_bytes(mark)
    with pytest.raises(JournalRestored):
        served(genesis)


def test_after_a_kill_the_mark_is_at_most_so_many_votes_behind(genesis: Genesis) -> None:
    voted(genesis, *range(1, 2 * MARK_EVERY + 6), orderly=False)
    held = read_mark(mark_path("trade")).holds
    assert [one.position.height for one in held] == [2 * MARK_EVERY]
    served(genesis)  # behind is no fault, and it follows at the next start
    held = read_mark(mark_path("trade")).holds
    assert [one.position.height for one in held] == [2 * MARK_EVERY + 5]


def test_a_key_that_was_stopped_stays_so_until_the_vote_is_found(genesis: Genesis) -> None:
    ours = commit_with_ours(genesis, SECRET, 4)
    sets = encode(genesis.validator_set)
    voted(genesis, 1, 2)
    votes = opened(genesis)
    with votes.journal:
        voter = Voter(SECRET, genesis, votes)
        with pytest.raises(JournalOld):
            ask(voter, "shown", encode(ours), sets)
    for _ in range(2):
        with pytest.raises(KeyStopped, match=r"height 4, view 0 .*JournalOld"):
            served(genesis)
    with Journal.open(VOTES, kind="votes", magic=REGTEST.magic) as journal:
        voter = Voter(SECRET, genesis, journal)  # the journal as it was truly last
        ask(voter, "ready_empty", 4)
        ask(voter, "sign", encode(vote(4, block=ours.block)))
    served(genesis)
    assert read_mark(mark_path("trade")).missed == ()


def test_who_accepts_the_loss_is_served_above_it(genesis: Genesis) -> None:
    voted(genesis, 1)
    shutil.copy(VOTES, COPY)
    voted(genesis, 9)
    shutil.copy(COPY, VOTES)
    assert accept(8) == 1  # the mark knows of height 9
    assert accept(12) == 0
    voted(genesis, 14)
    assert [one.position.height for one in read_mark(mark_path("trade")).holds] == [14]


def test_a_damaged_mark_is_named(genesis: Genesis) -> None:
    voted(genesis, 1)
    text = MARK.read_text()
    for bad in ("holds 1 0", "holds x 0 2 " + "aa" * 32, "holds 1 0 9 " + "aa" * 32, "stopped"):
        MARK.write_text(f"{text}{bad}\n")
        with pytest.raises(MarkDamaged):
            served(genesis)


def test_a_mark_of_before_is_read(genesis: Genesis) -> None:
    """One that says whose it is, and no more."""
    voted(genesis, 1)
    first = MARK.read_text().splitlines()[0]
    MARK.write_text(f"{first}\nThis key votes.\n")
    served(genesis)
    assert len(read_mark(mark_path("trade")).holds) == 1


def test_a_full_disk_leaves_the_mark_behind(
    genesis: Genesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    voted(genesis, 1)
    votes = opened(genesis)
    with votes.journal, monkeypatch.context() as patch:
        voter = Voter(SECRET, genesis, votes)
        ask(voter, "ready_empty", 2)
        ask(voter, "sign", encode(vote(2)))
        patch.setattr("bystack.node.signer.marks.files.replace", _full)
        voter.mark()
    assert [one.position.height for one in read_mark(mark_path("trade")).holds] == [1]
    served(genesis)


def test_on_a_full_disk_a_missing_vote_still_ends_the_service(
    genesis: Genesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = commit_with_ours(genesis, SECRET, 4)
    voted(genesis, 1)
    votes = opened(genesis)
    with votes.journal:
        voter = Voter(SECRET, genesis, votes)
        ask(voter, "ready_empty", 2)
        monkeypatch.setattr("bystack.node.signer.marks.files.replace", _full)
        with pytest.raises(JournalOld):
            ask(voter, "shown", encode(ours), encode(genesis.validator_set))
        with pytest.raises(JournalOld):
            ask(voter, "sign", encode(vote(5)))


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_one_signer_on_a_host_holds_a_key(genesis: Genesis) -> None:
    """Also from another home: a copied one has another path and another lock."""
    key = os.urandom(48)
    with hold_key(key, genesis.id):
        with pytest.raises(KeyHeld, match="stop one of the two for good"):
            hold_key(key, genesis.id)
        with hold_key(key, bytes(32)), hold_key(os.urandom(48), genesis.id):
            pass
    with hold_key(key, genesis.id):
        pass


def test_a_full_disk_at_the_start_delays_one_key_and_ends_no_signer(genesis: Genesis) -> None:
    """The mark or a new journal cannot be written: it is tried again until there is room."""
    room: list[bool] = []

    async def serve_it(path: str) -> None:
        if not room:
            _full()

    async def main() -> None:
        told: list[Any] = []
        config = SimpleNamespace(network="regtest")
        context = SimpleNamespace(config=config, announce=lambda figures: told.append(figures))
        async with trio.open_nursery() as nursery:
            keepers = Keepers(cast(RoleContext, context), nursery)
            for _ in range(2):
                await keepers._try("socket", serve_it)
                keepers.announce()
            assert "No space left" in keepers._faults["socket"]
            room.append(True)
            await keepers._try("socket", serve_it)
            keepers.announce()
            assert "socket" not in keepers._faults
        assert told == [
            {"keys_served": 0, "keys_refused": 1},
            {"keys_served": 0, "keys_refused": 0},
        ], "announced when it changes, and only then"

    trio.run(main)
