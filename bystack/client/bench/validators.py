"""A sidechain with four validators to measure: a devnet of real daemons in a temporary directory.

Every process of a node runs, TLS between the nodes. What a federation needs beyond the four nodes
is stopped once the sidechain stands and its coins are pegged in.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trio

from bystack.client.bench.frame import Show
from bystack.client.bench.transfers import Held, Terms, root_of
from bystack.client.devnet import processes
from bystack.client.devnet.founding import BTM, CONFIRMATIONS, Devnet
from bystack.client.devnet.layout import read_layout
from bystack.client.devnet.network import up
from bystack.client.rpc import wait_for
from bystack.ledger.transactions import Outpoint
from bystack.node.announce import socket_of
from bystack.node.genesis_files import genesis_path, read_genesis
from bystack.node.ipc import connect
from bystack.primitives.addresses import POLICY, Address, encode_address
from bystack.sidechain.blocks import decode_body
from bystack.sidechain.params import Genesis

VALIDATORS, MEMBERS = 4, 5
PEGGED = 1_000
UNITS = 10**8


class Net(NamedTuple):
    """The devnet, its one sidechain's name and genesis."""

    devnet: Devnet
    name: str
    genesis: Genesis

    @property
    def sockets(self) -> list[str]:
        """The private sockets of the validators' sidechain processes."""
        homes = (Path(node.home) for node in self.devnet.layout.validating)
        return [str(home / socket_of("sidechain", self.name)) for home in homes]

    @property
    def supervisors(self) -> list[int]:
        """The process ids of the validators' daemons."""
        return [int(processes.facts_of(node)["pid"]) for node in self.devnet.layout.validating]

    @property
    def terms(self) -> Terms:
        """What transfers are made of here: the sidechain's BTM at its least fee."""
        asset = next(one for one in self.genesis.assets if one.asset.hex() == BTM)
        return Terms(self.genesis.id, asset.asset, asset.fee)


class Steps:
    """A devnet's launch steps, told to whoever waits."""

    def __init__(self, show: Show) -> None:
        self._show = show

    def step(
        self,
        name: str,
        work: Callable[[], dict[str, Any]],
        told: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> dict[str, Any]:
        """Say what is done, and do it."""
        self._show(f"launching: {name}")
        return work()


@contextmanager
def running(
    show: Show,
    *,
    empty_interval: int,
    shape: tuple[int, int, int] = (1, VALIDATORS, MEMBERS),
    choices: Sequence[str] = (),
) -> Iterator[Net]:
    """A network up, four validators with one sidechain unless told; all gone in the end."""
    folder = Path(tempfile.mkdtemp(prefix="bystack-bench-"))
    try:
        steps = Steps(show)
        net = up(folder, shape, steps, empty_interval=empty_interval, choices=choices)
        name = net.layout.sidechains[0]
        home = Path(net.layout.nodes[0].home)
        yield Net(net, name, read_genesis(home / genesis_path(name)))
    finally:
        layout = read_layout(folder)
        for node in layout.nodes if layout else ():
            processes.stop(node)
        shutil.rmtree(folder)


def peg_in(net: Net) -> Held:
    """A pegged coin of our own, final on the first validator; the rest of the network stops."""
    address = encode_address(Address(net.genesis.hrp, POLICY, root_of(0)))
    net.devnet[0].pegin(net.name, str(PEGGED), "BTM", address)
    net.devnet.mine(CONFIRMATIONS + 1)
    place = wait_for("the claim", lambda: trio.run(_claimed, net))
    for node in net.devnet.layout.nodes[net.devnet.layout.validators :]:
        processes.stop(node)
    return Held(place, PEGGED * UNITS, 0)


async def _claimed(net: Net) -> Outpoint | None:
    """The coin that the claim made, looked for in every block there is."""
    async with connect(net.sockets[0]) as client:
        height = (await client.call("status"))["height"]
        for at in range(1, height + 1):
            for tx in decode_body((await client.call("block_at", at))[2]).transactions:
                if any(getattr(out.lock, "root", b"") == root_of(0) for out in tx.body.outputs):
                    return Outpoint(tx.id, 0)
    return None
