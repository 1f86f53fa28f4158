"""Kill -9 inside a step: one node of the running network dies at its persist points, one by one.

The rest of the network goes on; the node comes back where it was. That nothing was paid, minted or
signed twice is what the scan after the last test of the shared network says.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.client.devnet import processes
from bystack.client.devnet.layout import Node
from bystack.client.devnet.network import Devnet
from bystack.client.rpc import wait_for
from tests.processes.network import armed, best, gone, reach, whole
from tests.processes.traffic import Traffic, settle

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

MARK = "run/mark"
NODE = 2
POINTS = (
    "signer/signer.after_warrant",
    "signer/journal.before_sync:5",
    "sidechain-trade/sidechain.before_commit:2",
    "sidechain-trade/sidechain.after_commit:2",
    "mainchain/chain.before_commit:2",
)


@pytest.fixture(scope="module")
def busy(network: Devnet) -> Devnet:
    """The network with money on both sidechains, so that traffic can burn it."""
    for name in network.layout.sidechains:
        for number in (1, 2, 3):
            network[0].pegin(name, "15", "BTM", network[number].getnewaddress("", "", name))
    settle(network)
    return network


def restart(node: Node, point: str) -> Path:
    """Start the node anew with the point armed; where the kill will leave its mark."""
    mark = Path(node.home) / MARK
    processes.stop(node)
    mark.unlink(missing_ok=True)
    with armed(point, MARK):
        processes.start(node)
    processes.wait_started(node)
    return mark


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_inside_a_step_is_survived(busy: Devnet, point: str) -> None:
    node = busy.layout.nodes[NODE]
    mark = restart(node, point)
    with Traffic(busy, POINTS.index(point)):
        wait_for(f"the kill at {point}", lambda: mark.exists() and mark.read_text(), 180)
        step, label, pid = mark.read_text().split()
        gone(int(pid))
        wait_for("the node is whole again", lambda: whole(node))
        reach(busy, node, best(busy))
    assert f"{label}/{step}" == point.partition(":")[0]
