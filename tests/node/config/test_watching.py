"""A configuration on disk is read again when it changed, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bystack.node.config import IN_FORCE, ConfigErrors, load_config, watching
from bystack.node.config.watching import Watched
from bystack.node.processes import sandbox
from bystack.node.processes.supervisor import keep_in_force

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


CONFINED = """
import os, sys
from bystack.node.config import load_config
from bystack.node.config.watching import Watched
from bystack.node.processes import sandbox
from bystack.node.processes.role_main import readable, writable
os.chdir(sys.argv[1])
config = load_config(".")
watched = Watched(".", config)
said = sandbox.confine(readable(config, "signer", ""), writable("signer", ""), tcp=False)
print(said.split()[0], flush=True)
for line in sys.stdin:
    try:
        print(watched.look().log.keep, flush=True)
    except Exception as error:
        print(error, flush=True)
try:
    open("in-force/bystack.toml", "a")
except PermissionError:
    print("not ours to write", flush=True)
"""


@pytest.mark.skipif(sandbox.landlock_abi() < 1, reason="no Landlock here")
def test_a_confined_process_reads_a_configuration_that_an_editor_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Landlock knows the file that lay there at the start; the supervisor keeps what it read."""
    monkeypatch.chdir(home)
    for folder in ("run", "keys", "data/signer", "federations", IN_FORCE):
        (home / folder).mkdir(parents=True)

    def edited(keep: int) -> None:
        (home / "draft").write_text(PAGE + f"[log]\nkeep = {keep}\n")
        os.replace(home / "draft", home / "bystack.toml")

    edited(3)
    keep_in_force()
    words = [sys.executable, "-c", CONFINED, str(home)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin and child.stdout

        def looks() -> str:
            assert child.stdin and child.stdout
            child.stdin.write("\n")
            child.stdin.flush()
            return child.stdout.readline().strip()

        assert child.stdout.readline().strip() == "confined"
        assert looks() == "3"
        for keep in (4, 5):
            edited(keep)
            assert looks() == str(keep - 1)  # not in force before the supervisor read it
            keep_in_force()
            assert looks() == str(keep)
        child.stdin.close()
        assert child.stdout.readline().strip() == "not ours to write"
