"""Shared network: members state the reserves; an audit of strangers' nodes proves them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from tests.processes.network import SECONDS, bystack

pytestmark = pytest.mark.processes

TRADE = "trade"


def test_every_member_states_what_the_law_says(network: Devnet) -> None:
    def all_stated() -> list[dict[str, Any]] | None:
        rows: list[dict[str, Any]] = network[1].side(TRADE, "liststatements")
        return rows if rows and all(row["statement"] for row in rows) else None

    rows = wait_for("statements of all members", all_stated, SECONDS)
    for row in rows:
        said = row["statement"]
        assert said["holds"] and said["height"] <= said["relay_height"] and row["member"]
    reserves = network[2].side(TRADE, "getreserves")
    assert reserves["holds"] and reserves["statements"]["hold"]
    assert reserves["statements"]["lately"] <= len(rows)


def test_an_audit_believes_no_sums(network: Devnet) -> None:
    """Each chain is asked of another node; the id comes from a third."""
    chain = network[2].side(TRADE, "getsidechaininfo")["chain_id"]
    homes = ("--main", str(network[0].home), "--side", str(network[1].home))
    words = ("federation", "audit", TRADE, "--verify", "--chain", chain, *homes)
    done = bystack(*words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = msgspec.json.decode(done.stdout)
    assert found["verified"] and found["backed"] and not found["differs"]
    assert all(row["difference"] == 0 for row in found["assets"].values())
    assert found["statements"]["lately"] > 0 and found["statements"]["hold"], "proved with the rest"
    wrong = bystack(*words[:5], "11" * 32, *homes)
    assert wrong.returncode == 1 and "ChainNotTrusted" in wrong.stderr


def test_ways_across_are_told(network: Devnet) -> None:
    told = bystack("peg-status", TRADE, "--home", str(network[1].home))
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [f"{w}: open" for w in
                                        ("pegin", "pegout", "payouts", "signing")]  # fmt: skip
