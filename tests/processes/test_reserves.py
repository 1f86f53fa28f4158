"""Shared network: members state the reserves; an audit of strangers' nodes proves them, as
docs/reserves.md says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from tests.processes.network import SECONDS, bystack
from tests.processes.pages import Part, Reader, reading

pytestmark = pytest.mark.processes

PAGE = Part("docs/reserves.md")
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


def test_an_audit_believes_no_sums(
    network: Devnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each chain is asked of another node; the id comes from a third."""
    monkeypatch.chdir(tmp_path)
    chain = network[2].side(TRADE, "getsidechaininfo")["chain_id"]
    homes = ("--main", str(network[0].home), "--side", str(network[1].home))
    places = {"--main net/node1 --side net/node2": f"{' '.join(homes)} --save audit.gz"}
    reader = Reader(dict.fromkeys(("1a1ec35c…", "98da8d58…"), chain) | places, network[1].home)
    with reading(reader, PAGE) as page:
        page.rest()
    words = ("federation", "audit", TRADE, "--file", "audit.gz", "--chain")
    found = msgspec.json.decode(reader.type(["bystack", *words, chain, "--json"])[1])
    assert found["verified"] and found["backed"] and not found["differs"]
    assert all(row["difference"] == 0 for row in found["assets"].values())
    assert found["statements"]["lately"] > 0 and found["statements"]["hold"], "proved with the rest"
    wrong = bystack("federation", "audit", TRADE, "--verify", "--chain", "11" * 32, *homes)
    assert wrong.returncode == 1 and "ChainNotTrusted" in wrong.stderr
