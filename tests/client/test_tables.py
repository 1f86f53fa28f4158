"""Tables as files of a home: what the configuration refuses is taken back."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bystack.client import tables
from bystack.client.tables import FEDERATIONS, SIDECHAINS, TableRefused
from bystack.mainchain.params import REGTEST

PORT = {"name": "port", "genesis": "sidechains/port.genesis.toml", "listen": "127.0.0.1:7001"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "bystack.toml").write_text('network = "regtest"\n')
    return tmp_path


def test_a_table_comes_and_goes(home: Path) -> None:
    config = tables.put(home, SIDECHAINS, "port", PORT)
    assert [one.name for one in config.sidechain] == ["port"]
    path = home / "sidechains" / "port.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tables.drop(home, SIDECHAINS, "port").sidechain == ()
    assert sorted(os.listdir(home / "sidechains")) == []


def test_what_is_refused_changes_nothing(home: Path) -> None:
    tables.put(home, SIDECHAINS, "port", PORT)
    before = {path: path.read_bytes() for path in home.rglob("*.toml")}
    for name, wrong in (
        ("port", {**PORT, "listen": "nowhere"}),
        ("twin", {**PORT, "name": "port"}),
        ("twin", {**PORT, "name": "twin"}),
        ("twin", {"name": "Twin", "genesis": "g"}),
    ):
        with pytest.raises(TableRefused, match="nothing changed"):
            tables.put(home, SIDECHAINS, name, wrong)
        assert {path: path.read_bytes() for path in home.rglob("*.toml")} == before


def test_a_table_that_others_need_stays(home: Path) -> None:
    guarded = '[[guard]]\nname = "port"\nkey = "keys/t.key"\ncharter = "federations/c.toml"\n'
    tables.put(home, SIDECHAINS, "port", PORT)
    (home / "bystack.toml").write_text(f'network = "regtest"\n{guarded}')
    with pytest.raises(TableRefused, match="guard"):
        tables.drop(home, SIDECHAINS, "port")
    assert (home / "sidechains" / "port.toml").exists()


def test_a_table_in_the_main_file_is_its_writers(home: Path) -> None:
    (home / "bystack.toml").write_text(
        'network = "regtest"\n[[sidechain]]\nname = "a"\ngenesis = "g"\n'
    )
    with pytest.raises(TableRefused, match=r"stands in bystack\.toml"):
        tables.drop(home, SIDECHAINS, "a")
    with pytest.raises(TableRefused, match=r"stands in bystack\.toml"):
        tables.drop(home, FEDERATIONS, "a")


def test_where_no_daemon_runs_nobody_is_told(home: Path) -> None:
    assert not tables.reload(home) and tables.pids(home) == {}
    (home / "run").mkdir()
    for rubbish in (b"", b"[]", b'{"pid": "x"}', b'{"pid": 999999999}'):
        (home / "run" / "bystackd.json").write_bytes(rubbish)
        assert not tables.reload(home)


def test_the_homes_network(home: Path) -> None:
    assert tables.params_in(home) is REGTEST
    (home / "mine.toml").write_text("name = 3\n")
    (home / "bystack.toml").write_text('network = "mine.toml"\n')
    with pytest.raises(TableRefused, match=r"mine\.toml"):
        tables.params_in(home)
