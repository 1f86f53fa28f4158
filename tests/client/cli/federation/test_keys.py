"""`bystack federation keygen --wait` tells stages, and ends as the ceremony does."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bystack.client.cli.federation.keys import stage
from bystack.client.rpc import Rpc


class Node:
    """A member whose key is in one state."""

    def __init__(self, state: str) -> None:
        self.state = state

    def federation(self, name: str, method: str) -> dict[str, Any]:
        return {"keygen": self.state, "key": None, "peers": 3, "missing": [], "blamed": []}


@pytest.mark.parametrize(
    ("state", "over", "failed"),
    [("running", False, False), ("done", True, False), ("aborted", True, True)],
)
def test_each_state_is_a_stage(state: str, over: bool, failed: bool) -> None:
    told = stage(cast(Rpc, Node(state)), "trade")
    assert (told.over, told.failed) == (over, failed)
    assert told.says.startswith("trade: ") and (state == "done" or state in told.says)
