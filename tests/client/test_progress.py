"""The line that says how far a node is."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bystack.client.progress import joining_line, joining_of, progress_line, progress_of
from bystack.client.rpc import NodeDown, Rpc

SYNC = {
    "blocks_per_second": 210.4,
    "transactions_per_second": 2100.0,
    "seconds_left": 56,
    "peers": 2,
}


class Answering:
    """An RPC that gives one answer, or none."""

    def __init__(self, answer: dict[str, Any] | None) -> None:
        self.answer = answer

    def call(self, method: str) -> dict[str, Any]:
        assert method == "getblockchaininfo"
        if self.answer is None:
            raise NodeDown("not there")
        return self.answer


def asked(answer: dict[str, Any] | None) -> dict[str, Any]:
    return progress_of(cast(Rpc, Answering(answer)))


def test_a_line_says_share_blocks_rates_and_time() -> None:
    info = {"blocks": 8_260, "headers": 20_000, "verificationprogress": 0.413}
    found = asked({**info, "initialblockdownload": True, "sync": SYNC})
    assert progress_line(found) == (
        "syncing ############------------------ 41.3 %  8,260 of 20,000 blocks  210 blocks/s"
        "  2,100 transactions/s  from 2 peers  56 s left"
    )
    assert progress_line({**found, "seconds_left": 4_000}).endswith("1 h 6 min left")
    assert progress_line({**found, "seconds_left": 61}).endswith("1 min 1 s left")
    assert progress_line({**found, "seconds_left": None}).endswith("from 2 peers")


def test_nothing_is_said_of_a_node_in_sync_or_away() -> None:
    done = {"blocks": 3, "headers": 3, "verificationprogress": 1.0, "initialblockdownload": False}
    assert asked({**done, "sync": SYNC}) == {}
    assert asked(None) == {}


SIDES = [
    ({"mode": "blocks", "height": 1_240, "target": 8_260}, "trade: 1,240 of 8,260 blocks"),
    (
        {"mode": "epochs", "epoch": 3},
        "trade: looking for a snapshot, validators known up to epoch 3",
    ),
    (
        {"mode": "snapshot", "snapshot": 2_379, "chunks": 34, "of": 120, "givers": 3},
        "trade: snapshot of block 2,379, 34 of 120 chunks from 3 peers",
    ),
]


class Side:
    """A sidechain's RPC."""

    def __init__(self, sync: dict[str, Any]) -> None:
        self.sync = sync

    def call(self, method: str, path: str) -> dict[str, Any]:
        assert (method, path) == ("getsidechaininfo", "/sidechain/trade")
        return {"sync": self.sync}


@pytest.mark.parametrize(("sync", "line"), SIDES)
def test_a_sidechain_says_how_it_catches_up(sync: dict[str, Any], line: str) -> None:
    found = joining_of(cast(Rpc, Side(sync)), "trade")
    assert joining_line("trade", found) == line


def test_a_sidechain_in_sync_says_nothing() -> None:
    assert joining_of(cast(Rpc, Side({"mode": "none"})), "trade") == {}
