"""What the parts of the machine plan for one another: steps, taken in order.

The parts never call one another; `bbft` takes each planned step to the part that does it.
"""

from __future__ import annotations

from dataclasses import dataclass

from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.events import Era, Received
from bystack.sidechain.consensus.messages import FinalBlock, Propose
from bystack.sidechain.consensus.rounds import Cast
from bystack.sidechain.consensus.statements import Certificate, TimeoutCertificate


@dataclass(frozen=True)
class Certified:
    """A verified certificate of the current height."""

    certificate: Certificate


@dataclass(frozen=True)
class Closed:
    """A verified timeout certificate of the current height."""

    timeouts: TimeoutCertificate


@dataclass(frozen=True)
class Proposed:
    """A justified proposal, its leader's signature checked."""

    proposal: Propose
    source: bytes


@dataclass(frozen=True)
class BlockReady:
    """Blocks or proposals changed: prepare, lead and decide if possible."""


@dataclass(frozen=True)
class BlockMissing:
    """We lead and must propose this block again, but do not have it."""

    block: bytes


@dataclass(frozen=True)
class CountTimeouts:
    """TIMEOUTs or the view changed: give up or leave the view if enough did."""


@dataclass(frozen=True)
class NextHeight:
    """This block is final and durable."""

    header: Header
    certificate: Certificate
    era: Era


@dataclass(frozen=True)
class FinalBlockFound:
    """A final block of the current height arrived by sync."""

    block: FinalBlock
    source: bytes


Planned = (
    Cast
    | Received
    | Certified
    | Closed
    | Proposed
    | BlockReady
    | BlockMissing
    | CountTimeouts
    | NextHeight
    | FinalBlockFound
)
