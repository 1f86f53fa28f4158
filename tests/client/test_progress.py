"""The line that says how far a node is."""

from __future__ import annotations

from typing import Any, cast

from bystack.client.progress import progress_line, progress_of
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
