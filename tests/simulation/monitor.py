"""Looks over the shoulders of the honest nodes and raises `Violation` when a property breaks:
agreement, one prepare certificate a view, nobody honest incriminated, memory bounded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.evidence import (
    AnyEvidence,
    Statement,
    detect,
    parts,
    verify_evidence,
)
from bystack.sidechain.consensus.machine import Machine
from bystack.sidechain.consensus.seen import SUMS, VIEWS
from bystack.sidechain.consensus.statements import PREPARE
from bystack.sidechain.consensus.watching import HEIGHTS
from tests.simulation.eras import Schedule
from tests.simulation.transcript import Transcript


class Violation(AssertionError):
    """A safety or liveness property is broken."""


@dataclass
class Monitor:
    """What the honest have decided, certified, said and found."""

    schedule: Schedule
    honest: frozenset[int]
    transcript: Transcript = field(init=False)
    decided: dict[int, bytes] = field(default_factory=dict)
    certified: dict[tuple[int, int], bytes] = field(default_factory=dict)
    statements: dict[tuple[int, int], list[Statement]] = field(
        default_factory=lambda: defaultdict(list)
    )
    evidence: list[tuple[AnyEvidence, frozenset[int]]] = field(default_factory=list)
    events: int = 0
    penalties: list[tuple[int, bytes, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.transcript = Transcript(self.schedule.member)

    def decide(self, now: int, node: int, header: Header) -> None:
        """A block became final at an honest node."""
        self.transcript.note(now, f"node {node} has final", header)
        first = self.decided.setdefault(header.height, header.id)
        if first != header.id:
            raise Violation(f"fork at height {header.height}: node {node}")

    def said(self, node: int, statement: Statement) -> None:
        """An honest signature leaves the signer."""
        earlier = self.statements[node, statement.height]
        for before in earlier:
            if detect(before, statement):
                raise Violation(f"node {node} incriminates itself: {before} {statement}")
        earlier.append(statement)
        self.statements.pop((node, statement.height - 3), None)

    def accuse(self, finder: int, evidence: AnyEvidence) -> None:
        """An honest node found evidence."""
        guilty = self.accused(evidence)
        if self.honest & guilty:
            raise Violation(f"evidence names honest {sorted(guilty)}: {evidence}")
        self.evidence.append((evidence, guilty))

    def accused(self, evidence: AnyEvidence) -> frozenset[int]:
        """Whom evidence, which must be sound, names."""
        schedule, epoch = self.schedule, parts(evidence)[0].epoch
        scheme = schedule.keyring.scheme
        named = verify_evidence(evidence, schedule.group(epoch), schedule.chain, scheme)
        return frozenset(schedule.member(epoch, index) for index in named)

    @property
    def guilty(self) -> frozenset[int]:
        """All whom the honest have proved guilty."""
        return frozenset().union(*(who for _, who in self.evidence))

    def inspect(self, node: int, machine: Bbft) -> None:
        """After every event of an honest node."""
        m = machine._m
        for (kind, view), certificate in m.at.certificates.items():
            if kind == PREPARE:
                place = (certificate.height, view)
                if self.certified.setdefault(place, certificate.block) != certificate.block:
                    raise Violation(f"two prepare certificates at {place}")
        self.events += 1
        if self.events % 16:
            return
        broken = [name for name, (held, most) in bounds(m).items() if held > most]
        if broken:
            raise Violation(f"node {node} outgrows its bounds: {broken}")


class ForkMonitor(Monitor):
    """Looks at nothing but agreement, and lets a run go on after a fork."""

    forked = False

    def decide(self, now: int, node: int, header: Header) -> None:
        """Note whether two blocks of one height are final."""
        self.transcript.note(now, f"node {node} has final", header)
        self.forked |= self.decided.setdefault(header.height, header.id) != header.id

    def said(self, node: int, statement: Statement) -> None:
        """Where rules are broken on purpose everybody is guilty."""

    def inspect(self, node: int, machine: Bbft) -> None:
        """Nothing else counts here."""

    def accuse(self, finder: int, evidence: AnyEvidence) -> None:
        """Remember whom it names, honest or not."""
        self.evidence.append((evidence, self.accused(evidence)))


def bounds(m: Machine) -> dict[str, tuple[int, int]]:
    """What a machine holds, and the most it may."""
    size = max(len(group) for group in (m.validators, *m.era.previous))
    words = 4 * VIEWS * (size + SUMS)
    return {
        "later": (len(m.later), 16 * size),
        "candidates": (len(m.at.candidates), 16),
        "proposals": (len(m.at.proposals), 4),
        "tallies": (len(m.at.tallies), 12),
        "parts": (
            max((len(t._parts()) for t in m.at.tallies.values()), default=0),
            2 * size * size,
        ),
        "late": (len(m.late), 1),
        "suspects": (len(m.suspects), size),
        "shunned": (len(m.shunned), size),
        "rejected": (len(m.at.rejected), 8),
        "catch_up": (len(m.catch_up), 64),
        "checked": (len(m._checked), 256),
        "effects": (len(m.outbox), 0),
        "steps": (len(m.agenda), 0),
        "heights": (len(m.watch.heights), HEIGHTS + 1),
        "words": (max(map(len, m.watch.heights.values()), default=0), words),
        "reported": (len(m.watch.reported), 1_024),
        "muted": (len(m.watch.muted), 1_024),
    }
