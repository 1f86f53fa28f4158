"""What enters the member's inbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import trio

from bystack.mainchain.blocks import Block


@dataclass(frozen=True)
class PeerMessage:
    """Bytes of another member, by its node: until they are handled its seat may be another's."""

    node: bytes
    kind: int
    payload: bytes


@dataclass(frozen=True)
class MainConnected:
    """A main-chain block joined the best chain."""

    height: int
    id: bytes
    block: Block


@dataclass(frozen=True)
class MainDisconnected:
    """A main-chain block left the best chain."""

    height: int
    id: bytes


@dataclass(frozen=True)
class MainRestarted:
    """The main chain is followed from its start again."""


@dataclass(frozen=True)
class SideFinal:
    """A sidechain block is final: its height, header and certificate as bytes."""

    height: int
    header: bytes
    certificate: bytes


@dataclass(frozen=True)
class Tick:
    """Time to say again, feed the signer, assemble."""


@dataclass(frozen=True)
class Ask:
    """An operator's request; the answer (or what was raised) goes back through `reply`."""

    method: str
    params: tuple[Any, ...]
    reply: trio.MemorySendChannel[Any]


Event = PeerMessage | MainConnected | MainDisconnected | MainRestarted | SideFinal | Tick | Ask
