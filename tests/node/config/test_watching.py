"""A configuration on disk is read again when it changed, and only then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bystack.node.config import ConfigErrors, load_config, watching
from bystack.node.config.watching import Watched

PAGE = 'network = "regtest"\n'
CHAIN = 'name = "trade"\ngenesis = "sidechains/trade.genesis.toml"\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "sidechains").mkdir()
    (tmp_path / "bystack.toml").write_text(PAGE)
    return tmp_path


def test_what_did_not_change_is_not_read_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(home, load_config(home))
    first = watched.look()
    monkeypatch.setattr(watching, "load_config", lambda _: pytest.fail("read again"))
    assert watched.look() is first


def test_a_table_that_comes_and_goes_is_seen(home: Path) -> None:
    watched = Watched(home, load_config(home))
    assert watched.look().sidechain == ()
    (home / "sidechains" / "trade.toml").write_text(CHAIN)
    assert [one.name for one in watched.look().sidechain] == ["trade"]
    (home / "sidechains" / "trade.toml").unlink()
    assert watched.look().sidechain == ()


def test_a_faulty_change_is_told_once_and_the_last_good_one_goes_on(home: Path) -> None:
    watched = Watched(home, load_config(home))
    (home / "bystack.toml").write_text('network = "regtest"\nnonsense = 1\n')
    with pytest.raises(ConfigErrors):
        watched.look()
    assert watched.look().network == "regtest"
    (home / "bystack.toml").write_text(PAGE + "[wallet]\nenabled = false\n")
    assert not watched.look().wallet.enabled


def test_a_change_of_the_same_size_is_seen_by_its_time(home: Path) -> None:
    (home / "bystack.toml").write_text(PAGE + "[log]\nkeep = 4\n")
    watched = Watched(home, load_config(home))
    assert watched.look().log.keep == 4
    (home / "bystack.toml").write_text(PAGE + "[log]\nkeep = 5\n")
    os.utime(home / "bystack.toml", ns=(1, 1))
    assert watched.look().log.keep == 5
