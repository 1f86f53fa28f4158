"""A real node stops and starts: what waited for a block waits on, and damage costs only itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.daemons import daemons, until

pytestmark = pytest.mark.processes


def test_what_waits_survives_a_restart(tmp_path: Path) -> None:
    with daemons(tmp_path, 1) as (node,):
        mine = node.wallet_of()
        node.call("generatetoaddress", 103, mine)
        paid = [node.call("sendtoaddress", mine, amount) for amount in (3, 2)]
        assert set(node.call("getrawmempool")) == set(paid)
        node.stop()
        node.start()
        until(lambda: node.call("getmempoolinfo")["loaded"], "the pool is read")
        assert set(node.call("getrawmempool")) == set(paid)
        saved = node.home / node.call("savemempool")["filename"]
        node.stop()
        saved.write_bytes(saved.read_bytes()[:-1])
        node.start()
        until(lambda: node.call("getmempoolinfo")["loaded"], "the pool is read")
        assert saved.with_suffix(".dat.damaged").is_file()
        assert node.call("getblockcount") == 103
