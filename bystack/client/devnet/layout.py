"""Where a devnet's nodes live, which ports they use, who does what; kept in `devnet.json`."""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bystack.client.files import write

FILE = "devnet.json"
NAMES = ("trade", "games")
LOWEST, HIGHEST, ATTEMPTS = 12_000, 32_000, 100
"""Where nodes listen: Linux gives out ports from 32,768 on, others from 49,152."""


class Node(msgspec.Struct, frozen=True):
    """A node: its home and its ports (RPC, main chain, then one per sidechain and federation)."""

    name: str
    home: str
    rpc: int
    main: int
    side: dict[str, int]
    member: dict[str, int]


class Layout(msgspec.Struct, frozen=True):
    """A devnet: nodes, sidechains by name, how many validators and members each has.

    `modules`: of every sidechain, beside the federation's; as `modules.table` reads them.
    `choices`: what its genesis says otherwise than usual, as `modules.choice` reads it.
    `added`: sidechains that joined later, whose tables are files of their own. `guards`: nodes
    that watch, of which none signs or validates.
    """

    nodes: list[Node]
    sidechains: list[str]
    validators: int
    members: int
    modules: list[str] = []
    choices: list[str] = []
    added: list[str] = []
    guards: list[Node] = []

    @property
    def chains(self) -> list[str]:
        """Every sidechain that runs here by now."""
        return [*self.sidechains, *self.added]

    @property
    def everyone(self) -> Sequence[Node]:
        """Every node there is, guards last."""
        return [*self.nodes, *self.guards]

    @property
    def validating(self) -> Sequence[Node]:
        """The nodes that validate each sidechain."""
        return self.nodes[: self.validators]

    @property
    def federated(self) -> Sequence[Node]:
        """The nodes that are members of each federation."""
        return self.nodes[: self.members]


def free_ports(count: int) -> list[int]:
    """Neighbouring ports nobody listens on now, below those that kernels give out by themselves.

    So no connection takes the port of a node that is just being started anew, and two networks
    that are made at one time meet only where both drew the same neighbourhood. Raises `OSError`.
    """
    for _ in range(ATTEMPTS):
        first = LOWEST + secrets.randbelow(HIGHEST - LOWEST - count)
        ports = list(range(first, first + count))
        if all(_free(port) for port in ports):
            return ports
    raise OSError(errno.EADDRINUSE, f"no {count} neighbouring free ports", f"{LOWEST}-{HIGHEST}")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def sidechain_names(count: int) -> list[str]:
    """`trade`, `games`, then `side-3` and so on."""
    return [NAMES[i] if i < len(NAMES) else f"side-{i + 1}" for i in range(count)]


def new_layout(
    folder: Path,
    sidechains: int,
    validators: int,
    members: int,
    modules: Sequence[str] = (),
    choices: Sequence[str] = (),
) -> Layout:
    """A fresh layout under `folder`, written down."""
    names = sidechain_names(sidechains)
    count = max(validators, members)
    ports = iter(free_ports(count * (2 + 2 * sidechains)))
    nodes = [
        Node(
            name=f"node{number + 1}",
            home=str(folder / f"node{number + 1}"),
            rpc=next(ports),
            main=next(ports),
            side={name: next(ports) for name in names},
            member={name: next(ports) for name in names},
        )
        for number in range(count)
    ]
    layout = Layout(nodes, names, validators, members, list(modules), list(choices))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chmod(folder, 0o700)
    write_layout(folder, layout)
    return layout


def write_layout(folder: Path, layout: Layout) -> None:
    """Keep a layout in its folder."""
    write(folder / FILE, msgspec.json.format(msgspec.json.encode(layout)))


def read_layout(folder: Path) -> Layout | None:
    """The layout of an existing devnet, or None."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Layout)
    except FileNotFoundError:
        return None
