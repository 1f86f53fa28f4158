"""A network of one's own on real nodes: its file, an engine of somebody's package, its miner."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.node.offered_engine import install
from tests.processes.daemons import Daemon, until
from tests.processes.pages import Part, Reader, reading

pytestmark = pytest.mark.processes

PAGE = Part("docs/mining.md", "Other work, and networks of one's own")
NETWORK = Path(__file__).parent.parent.parent / "configs" / "private" / "network.toml"


def run(*arguments: str) -> str:
    """What a command of ours prints; it must succeed."""
    argv = [sys.executable, "-m", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def network(folder: Path, file: Path, count: int) -> Iterator[list[Daemon]]:
    """Nodes on homes that `bystackd init` made for the network's file."""
    nodes = []
    for number in range(count):
        home = folder / f"n{number}"
        places = {"~/.bystack-private": str(home), "configs/private/network.toml": str(file)}
        with reading(Reader(places), PAGE) as page:
            assert "addresses begin with pm1" in page.unseen("bystackd init")
        config = home / "bystack.toml"
        config.write_text(config.read_text().replace(":9735", ":0").replace(":9736", ":0"))
        nodes.append(Daemon(home, PYTHONPATH=str(folder / "site")))
    file.unlink()  # the homes have their own
    try:
        for node in nodes:
            node.start()
        yield nodes
    finally:
        running = [node.process for node in nodes if node.process is not None]
        for process in running:
            process.terminate()
        for process in running:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("work", "blocks"), [("blake", 12), ("tensority", 3)])
def test_nodes_mine_and_agree_under_the_networks_engine(
    tmp_path: Path, work: str, blocks: int
) -> None:
    install(tmp_path / "site")
    file = tmp_path / "mine.toml"
    file.write_text(NETWORK.read_text().replace('"tensority"  ', f'"{work}"  '))
    with network(tmp_path, file, 2) as (one, two):
        mine = one.wallet_of()
        assert mine.startswith("pm1")
        two.join(one)
        made = one.call("generatetoaddress", blocks, mine)
        until(lambda: two.call("getbestblockhash") == made[-1], "the other node judges them")
        assert one.call("getbalance") == max(0, blocks - 9) * 50
        assert two.call("getmininginfo")["work"] == work
        assert two.call("getblockchaininfo")["chain"] == "private"
        home = ("--home", str(one.home))
        assert "mining with 1 worker" in run("bystack.client.cli.main", "mine", "start", *home)
        until(lambda: one.call("getmininginfo")["blocksfound"] >= 1, "a worker finds a block")
        assert "mining with 1 worker" in run("bystack.client.cli.main", "status", *home)
        assert "not mining" in run("bystack.client.cli.main", "mine", "stop", *home)
        until(lambda: two.call("getbestblockhash") == one.call("getbestblockhash"), "one tip")
        assert two.call("getblockcount") > blocks
