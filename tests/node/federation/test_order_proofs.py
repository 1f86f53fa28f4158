"""Under which header a batch is proved to the signers: its own, or a later one they still know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from bystack.sidechain.consensus.light import KEPT_SETS, FinalHeader
from tests.federation.peg import pays
from tests.node.federation.members import Net


@pytest.mark.parametrize(
    ("epoch", "own"), [(0, True), (KEPT_SETS - 2, True), (KEPT_SETS - 1, False)]
)
def test_an_old_batch_is_proved_under_a_newer_header(tmp_path: Path, epoch: int, own: bool) -> None:
    net = Net(tmp_path)
    net.record(0, [pays(20)], [1])
    batch, orders = net.batches[0], net.members[0].orders
    assert net.genesis is not None
    later = FinalHeader(replace(net.header_at(900), epoch=epoch), _certificate(net), ())
    request = trio.run(orders._request, batch, later)
    finality = net.genesis.consensus.finality
    assert request.final.header.height == (batch.height if own else 900 - finality)
    assert request.later == later


def _certificate(net: Net) -> Any:
    return trio.run(net.members[0].links.final_header, 900).certificate
