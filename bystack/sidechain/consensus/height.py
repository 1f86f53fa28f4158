"""What a machine knows of the height being decided, and of the one before."""

from __future__ import annotations

from dataclasses import dataclass, field

from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.events import Sign
from bystack.sidechain.consensus.messages import Propose
from bystack.sidechain.consensus.positions import Position
from bystack.sidechain.consensus.rounds import Round
from bystack.sidechain.consensus.statements import (
    Certificate,
    SignedProposal,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.tally import Tally
from bystack.sidechain.consensus.timeouts import Timeouts
from bystack.sidechain.consensus.topology import Topology
from bystack.sidechain.consensus.validators import ValidatorSet


@dataclass
class Candidate:
    """A block of the current height. `parent_certificate` is empty if it came by sync."""

    header: Header
    body: bytes
    parent_certificate: tuple[Certificate, ...]
    source: bytes
    executing: bool = False
    valid: bool = False
    kept: bool = False


@dataclass
class Height:
    """All that belongs to the height being decided."""

    round: Round
    timeouts: Timeouts
    parent_proposed_at: int
    proposed_at: int = -1
    deadline: int = 0
    retries: int = 0
    retry_at: int = 0
    resent: int = -1
    flush_at: dict[int, int] = field(default_factory=dict)
    work: bool = False
    building: int = -1
    proposing: int = -1
    entry: tuple[TimeoutCertificate, ...] = ()
    proposals: dict[int, Propose] = field(default_factory=dict)
    signed: dict[int, SignedProposal] = field(default_factory=dict)
    asked: int = -1
    wanted: bytes = b""
    candidates: dict[bytes, Candidate] = field(default_factory=dict)
    rejected: set[bytes] = field(default_factory=set)
    tallies: dict[tuple[int, int], Tally] = field(default_factory=dict)
    certificates: dict[tuple[int, int], Certificate] = field(default_factory=dict)
    voted: dict[tuple[int, int], int] = field(default_factory=dict)
    gone_round: set[tuple[int, int]] = field(default_factory=set)
    carried: set[tuple[int, int]] = field(default_factory=set)
    deciding: tuple[Certificate, ...] = ()
    fuller: tuple[Certificate, ...] = ()
    decided: bool = False
    last_vote: tuple[Vote, ...] = ()
    my_timeout: tuple[Timeout, ...] = ()
    pending: dict[Position, tuple[Sign, Propose | Vote | Timeout]] = field(default_factory=dict)
    latest: Position | None = None


@dataclass
class Late:
    """What we know of the last height as one of its validators, `me`, under its `leader`."""

    certificate: Certificate
    validators: ValidatorSet
    paths: Topology
    me: int
    leader: int
    tallies: dict[int, Tally]
    committed: bool
    flushing: bool = False
    due: int = 0
    handed: bool = False
    pending: dict[Position, tuple[Sign, Propose | Vote | Timeout]] = field(default_factory=dict)
    gone_round: set[tuple[int, int]] = field(default_factory=set)
    carried: set[tuple[int, int]] = field(default_factory=set)
