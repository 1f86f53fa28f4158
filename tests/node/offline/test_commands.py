"""`bystackd check`, `export`, `import` from the command line."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result

from bystack.mainchain.events import Switch
from bystack.mainchain.params import REGTEST
from bystack.node.main import main
from bystack.node.offline.growth import Growth
from bystack.node.processes.supervisor import lock_home
from bystack.node.store.chainstore import ChainStore, open_raw
from bystack.node.store.storage import Store
from bystack.node.verifying.verifier import Verifier
from tests.mainchain.builders import Chain

COUNT = 5


def bystackd(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose main chain has five blocks, and a wallet's store."""
    home = tmp_path / "h"
    assert bystackd("init", "--home", home).exit_code == 0
    model = Chain(REGTEST)
    model.grow(COUNT)
    folder = home / "data/mainchain/chain"

    async def grow() -> None:
        store = ChainStore.open(folder, REGTEST)
        tree = store.load().tree
        blocks = list(model.blocks.values())
        for block in blocks:
            added = tree.add([block.header], None).added
            await store.commit({**store.header_changes(added), **store.block_changes(block)})
        ids = tuple(block.id for block in blocks)
        assert await Growth(store, tree, Verifier(1)).move(Switch((), ids), {}) is None
        store.close()

    trio.run(grow)
    Store.open(home / "data/wallet/w", kind="wallet", magic=REGTEST.magic, version=1).close()
    return home


def test_check_says_what_it_checked(home: Path) -> None:
    done = bystackd("check", "--home", home)
    assert done.exit_code == 0, done.output
    assert "chain: height 5, 5 coins; 5 blocks, 5 transactions executed again" in done.output
    assert "data/wallet/w: 1 keys read" in done.output
    answer = json.loads(bystackd("check", "--home", home, "--json").stdout)
    assert [one["sound"] for one in answer["stores"]] == [True, True]
    assert answer["stores"][0]["height"] == COUNT
    assert all(one["good"] for one in answer["home"])
    assert "executed" not in bystackd("check", "--home", home, "--quick").output


def test_check_names_and_repairs(home: Path) -> None:
    folder = home / "data/mainchain/chain"
    with open_raw(folder, REGTEST) as store:
        store.commit_now({b"h" + (2).to_bytes(8, "big"): None})
    done = bystackd("check", "--home", home, "--no-signatures")
    assert done.exit_code == 1
    assert "height 2: missing" in done.output
    assert "the blocks are intact: bystackd check --repair" in done.output
    repaired = bystackd("check", "--home", home, "--repair")
    assert "repaired; the node may run" in repaired.output and repaired.exit_code == 0
    assert bystackd("check", "--home", home).exit_code == 0


def test_a_store_that_leveldb_cannot_read_is_named_and_repaired(home: Path) -> None:
    folder = home / "data/mainchain/chain"
    (folder / "CURRENT").unlink()
    done = bystackd("check", "--home", home)
    assert done.exit_code == 1
    assert "the file CURRENT is missing); stop the node and run: bystackd check" in done.output
    assert json.loads(bystackd("check", "--home", home, "--json").stdout)["stores"][0]["error"]
    assert "height 5" in bystackd("check", "--home", home, "--repair").output
    assert bystackd("check", "--home", home).exit_code == 0


def test_a_damaged_wallet_is_named_and_left_alone(home: Path) -> None:
    folder = home / "data/wallet/w"
    (folder / "CURRENT").write_bytes(b"MANIFEST-000099\n")
    done = bystackd("check", "--home", home, "--repair")
    assert done.exit_code == 1
    assert f"{folder}: " in done.output and "restored from its phrase" in done.output


def test_a_running_node_is_left_alone(home: Path) -> None:
    handle = lock_home(str(home))
    try:
        for command in (
            ("check",),
            ("export", "--file", home / "out"),
            ("import", "--file", home / "bystack.toml"),
        ):
            done = bystackd(*command, "--home", home)
            assert done.exit_code == 1
            assert "another bystackd runs on this home; stop it" in done.output
    finally:
        os.close(handle)


def test_export_and_import(home: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "chain", tmp_path / "other"
    done = bystackd("export", "--home", home, "--file", file)
    assert done.exit_code == 0, done.output
    assert f"{file}: blocks 1 to 5, {file.stat().st_size} bytes" in done.output
    again = bystackd("export", "--home", home, "--file", file)
    assert again.exit_code == 1 and "exists already; choose another name" in again.output
    bystackd("init", "--home", other)
    done = bystackd("import", "--home", other, "--file", file)
    assert done.exit_code == 0, done.output
    assert "5 blocks read, 0 of them known; height 5" in done.output
    assert "5 of them known; height 5" in bystackd("import", "--home", other, "--file", file).output
    assert bystackd("check", "--home", other).exit_code == 0


def test_files_that_are_no_chain_of_this_network_end_in_a_sentence(
    home: Path, tmp_path: Path
) -> None:
    file, other = tmp_path / "chain", tmp_path / "other"
    bystackd("export", "--home", home, "--file", file)
    bystackd("init", "--home", other, "--network", "test")
    done = bystackd("import", "--home", other, "--file", file)
    assert done.exit_code == 1
    assert "ArchiveNetwork: The file holds blocks of another network" in done.output
    (tmp_path / "cut").write_bytes(file.read_bytes()[:-300])
    done = bystackd("import", "--home", tmp_path / "other", "--file", tmp_path / "none")
    assert done.exit_code == 2
    third = tmp_path / "third"
    bystackd("init", "--home", third)
    done = bystackd("import", "--home", third, "--file", tmp_path / "cut")
    assert done.exit_code == 1
    assert "ArchiveTruncated: The file ends in the middle" in done.output
    assert "height 4" in done.output


def test_a_store_that_lost_its_first_file_is_not_passed_over(home: Path) -> None:
    """Nor is what a killed check left behind taken for a store."""
    (home / "data/wallet/w/CURRENT").unlink()
    shutil.copytree(home / "data/mainchain/chain", home / "data/mainchain/chain.check")
    done = bystackd("check", "--home", home)
    assert done.exit_code == 1
    assert "data/wallet/w: damaged data (the file CURRENT is missing)" in done.output
    assert "chain.check" not in done.output
    assert not (home / "data/mainchain/chain.check").exists()


def test_what_is_above_the_tip_is_neither_written_nor_begun_with(
    home: Path, tmp_path: Path
) -> None:
    file, other = tmp_path / "chain", tmp_path / "other"
    done = bystackd("export", "--home", home, "--file", file, "--from", 6)
    assert done.exit_code == 1 and not file.exists()
    assert "NothingThere: The chain ends below the first height asked for" in done.output
    assert bystackd("export", "--home", home, "--file", file, "--from", 0).exit_code == 2
    assert bystackd("export", "--home", home, "--file", file, "--from", 4).exit_code == 0
    bystackd("init", "--home", other)
    done = bystackd("import", "--home", other, "--file", file)
    assert done.exit_code == 1
    assert "HeaderOrphan" in done.output and "begins where this chain ends" in done.output


def test_on_a_terminal_there_is_a_bar_and_no_line_of_it_in_another(
    home: Path, tmp_path: Path
) -> None:
    """The commands as a user starts them, on a terminal of their own."""
    file, other = tmp_path / "chain", tmp_path / "other"
    shown = on_terminal("check", "--home", home)
    assert "5/5" in shown and "keys" in shown and "?" not in shown
    on_terminal("export", "--home", home, "--file", file)
    file.write_bytes(file.read_bytes()[:-300])
    bystackd("init", "--home", other)
    shown = on_terminal("import", "--home", other, "--file", file)
    (line,) = [line for line in shown.split("\n") if "ArchiveTruncated" in line]
    assert line.startswith("ArchiveTruncated")


def on_terminal(*arguments: object) -> str:
    """What a terminal is sent by `bystackd`, without colours and movements."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "bystack.node.main", *map(str, arguments)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    heard = b""
    with suppress(OSError):  # what Linux says of a terminal that nobody has open
        while data := os.read(ours, 65536):
            heard += data
    os.close(ours)
    process.wait()
    plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", heard)
    return plain.decode().replace("\r", "\n")
