"""Miners on real nodes: an outside one that speaks RPC only, the built-in one turned on and off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.daemons import CONFIG, Daemon, daemons, until
from tests.processes.pages import Part, Reader, reading

pytestmark = pytest.mark.processes

BUILT_IN = Part("docs/mining.md", "The built-in miner")
OUTSIDE = Part("docs/mining.md", "A miner of one's own: scripts/miner")
MINER = Path(__file__).parent.parent.parent / "scripts" / "miner"
TOKEN = '[rpc.tokens]\nmine = "read"\n'


def run_miner(node: Daemon, address: str, blocks: int) -> subprocess.Popen[bytes]:
    """The example miner with a token that may read only."""
    secret = node.home / "tokens" / "mine"
    where = ("--url", node.url, "--secret", str(secret), "--blocks", str(blocks))
    argv = [sys.executable, "-I", str(MINER), address, *where]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_the_example_miner_makes_blocks_that_connect(tmp_path: Path) -> None:
    config = CONFIG.replace(
        '[rpc]\nlisten = "127.0.0.1:0"\n', '[rpc]\nlisten = "127.0.0.1:0"\n' + TOKEN
    )
    with daemons(tmp_path, 2, config) as (one, two):
        mine = one.wallet_of()
        two.join(one)
        one.call("generatetoaddress", 101, mine)
        paid = one.call("sendtoaddress", mine, 5)
        with run_miner(one, "rm1zz", 1) as lost:
            assert lost.stdout is not None and b"Invalid address" in lost.stdout.readline()
            lost.terminate()  # it asks again until then
        secret = f"--secret {one.home / 'tokens/mine'}"
        places = {"scripts/miner": str(MINER), "--secret ~/.bystack/tokens/mine": secret}
        whose = {OUTSIDE.lines[0].words.split()[1]: f"{mine} --url {one.url}"}
        with reading(Reader(whose | places), OUTSIDE) as page:
            said = page.type("scripts/miner")
        accepted = [line for line in said.splitlines() if line.endswith("accepted")]
        assert accepted == [f"block {height}: accepted" for height in (102, 103, 104)], said
        until(lambda: two.call("getblockcount") == 104, "the other node has them")
        assert one.call("getbestblockhash") == two.call("getbestblockhash")
        assert paid in one.call("getblock", one.call("getblockhash", 102))["tx"]
        # A header handed in again, and one whose work nobody handed out.
        header = one.call("getblockheader", one.call("getbestblockhash"), False)
        assert one.call("submitblock", header, {"workid": "0" * 16}) == "stale-work"
        block = one.call("getblock", one.call("getbestblockhash"), 0)
        assert one.call("submitblock", block) == "duplicate"


def test_the_example_miner_is_read_in_a_minute_and_knows_nothing_of_ours() -> None:
    text = MINER.read_text()
    assert len(text.splitlines()) <= 60
    assert not any("bystack" in line for line in text.splitlines() if "import" in line)


def test_the_built_in_miner_is_turned_on_survives_kills_and_is_turned_off(tmp_path: Path) -> None:
    with daemons(tmp_path, 1) as (node,):
        node.call("createwallet")
        assert node.call("getmininginfo")["generate"] is False
        with reading(Reader({}, node.home), BUILT_IN) as page:
            page.unseen("bystack mine start")
            _replaced(node)
            assert "mining with 2 workers" in page.unseen("bystack mine status")
            page.unseen("bystack mine stop")
        assert node.call("getmininginfo")["genproclimit"] == 0
        until(lambda: not node.call("getmininginfo")["workers"], "no worker is left")


def _replaced(node: Daemon) -> None:
    """Workers find blocks; killed, they are replaced, and find others."""
    until(lambda: node.call("getmininginfo")["blocksfound"] >= 1, "a block is found")
    old = {one["pid"] for one in until(lambda: _all_run(node), "both workers run")}
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    fresh = until(lambda: [o for o in _all_run(node) if o["pid"] not in old], "replaced")
    assert all(one["restarts"] >= 1 for one in fresh)
    height = node.call("getblockcount")
    until(lambda: node.call("getblockcount") > height, "blocks are found again")


def _all_run(node: Daemon) -> list[dict[str, int]]:
    workers: list[dict[str, int]] = node.call("getmininginfo")["workers"]
    return workers if workers and all(one["pid"] for one in workers) else []
