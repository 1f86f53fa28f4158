"""What a BBFT machine remembers, and the few things all its parts do with it.

The parts (`proposals`, `leading`, `ballots`, `pacing`, `pulls`, ...) are functions on `Machine`.
What follows from an event is planned as a step, and `dispatch` takes steps in order until none is
left, so cause and effect read top to bottom; parts call directly only those that carry their
messages (`gathering`, `failover`, `late`). Everything of one height lives in `Height` and goes with
it: that bounds memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.certificates import verify_certificate, verify_timeouts
from bystack.sidechain.consensus.demotions import demoted_of
from bystack.sidechain.consensus.events import (
    Broadcast,
    Era,
    Execute,
    Keep,
    Output,
    Penalise,
    Received,
    ReportEvidence,
    Send,
    Sign,
)
from bystack.sidechain.consensus.evidence import (
    BY_QUORUM,
    AnyEvidence,
    guilty,
    parts,
    verify_evidence,
)
from bystack.sidechain.consensus.height import Candidate, Height, Late
from bystack.sidechain.consensus.messages import BlockData, Message, Propose
from bystack.sidechain.consensus.pace import Pace
from bystack.sidechain.consensus.positions import Position
from bystack.sidechain.consensus.rounds import Round
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.seen import Watch
from bystack.sidechain.consensus.statements import (
    Certificate,
    Step,
    Timeout,
    TimeoutCertificate,
    Vote,
    signing_digest,
)
from bystack.sidechain.consensus.steps import FinalBlockFound, Planned
from bystack.sidechain.consensus.tally import Tally
from bystack.sidechain.consensus.timeouts import Timeouts
from bystack.sidechain.consensus.topology import Topology, topology
from bystack.sidechain.consensus.validators import ValidatorSet, leader

VIEWS_AHEAD = 3
MAX_CANDIDATES = 16
MAX_CHECKED = 256
MAX_ANSWERED = 1_024

_place_key = tagged("bbft/offence-place")


class WrongEpoch(Invalid):
    """The message is of another epoch."""


class UnknownValidator(Invalid):
    """The sender is no validator, or speaks for another one."""


class Memory(Wire):
    """What each journal record keeps beside the signature, so that a restart forgets nothing.

    `entry` is the timeout certificate that led into the view: without it a validator that was
    ahead of the others could not bring them along after all of them restarted.
    """

    high_qc: Annotated[tuple[Certificate, ...], Meta(max_length=1)]
    entry: Annotated[tuple[TimeoutCertificate, ...], Meta(max_length=1)]


class Machine:
    """The state of one validator (or follower) and its outbox."""

    def __init__(
        self,
        era: Era,
        my_key: bytes,
        chain_id: bytes,
        scheme: Scheme,
        final: tuple[Header, Certificate],
    ) -> None:
        self.my_key = my_key
        self.suspects: set[int] = set()
        self.shunned: dict[int, int] = {}
        self.missed, self.starved = 0, -1
        self.pace = Pace()
        self.late: tuple[Late, ...] = ()
        self.era = era
        self.adopt(era)
        self.chain_id, self.scheme = chain_id, scheme
        self.parent, self.parent_certificate = final
        self.last_block: tuple[Candidate, ...] = ()
        self.now, self.skew = 0, 0
        self.outbox: list[Output] = []
        self.agenda: list[Planned] = []
        self.later: dict[tuple[bytes, str, int, int], Received] = {}
        self.catch_up: dict[int, FinalBlockFound] = {}
        self.behind, self.ahead_node = -1, b""
        self.more, self.asked_from = False, -1
        self._checked: dict[bytes, None] = {}
        self._answered: dict[tuple[bytes, str], int] = {}
        self.watch = Watch()
        self.at = self.new_height(0)

    def new_height(self, parent_proposed_at: int) -> Height:
        """A blank height after the last final block."""
        collector = Timeouts(self.validators, self.chain_id, self.scheme)
        return Height(Round(self.parent.height + 1), collector, parent_proposed_at)

    def adopt(self, era: Era) -> None:
        """An epoch with its validators and numbers; we vote if we are among them."""
        if era.validators.epoch != self.era.validators.epoch:
            self.suspects, self.shunned = set(), {}
        self.era, self.config, self.validators = era, era.config, era.validators
        self.me = era.validators.by_key.get(self.my_key)

    def set_of(self, epoch: int) -> ValidatorSet:
        """The validators of this epoch or an earlier one; raises `WrongEpoch`."""
        for validators in (self.validators, *self.era.previous):
            if validators.epoch == epoch:
                return validators
        raise WrongEpoch(epoch=epoch, expected=self.validators.epoch)

    @property
    def wall(self) -> int:
        """The wall clock in ms, which block times are read from."""
        return self.now + self.skew

    @property
    def round(self) -> Round:
        """Where we are."""
        return self.at.round

    def emit(self, output: Output) -> None:
        """Append an effect; order is the order of effects."""
        self.outbox.append(output)

    def plan(self, *steps: Planned) -> None:
        """Take these steps after the current one."""
        self.agenda.extend(steps)

    def steps(self) -> Iterator[Planned]:
        """Planned steps, oldest first, until none is left."""
        while self.agenda:
            yield self.agenda.pop(0)

    def send(self, index: int, message: Message) -> None:
        """To one validator."""
        self.emit(Send(self.validators.validators[index].node, message))

    def broadcast(self, message: Message) -> None:
        """To all the others."""
        self.emit(Broadcast(message))

    def leader(self, view: int, height: int = -1) -> int:
        """Who leads a view of the current (or another) height."""
        at = self.round.height if height < 0 else height
        config = self.config
        return leader(self.validators, config.seed, at, view, config.blocks_per_leader)

    def leads(self, view: int) -> bool:
        """Whether we lead a view."""
        return self.me is not None and self.leader(view) == self.me

    def paths(self, view: int) -> Topology:
        """Through whom messages of a view travel."""
        size, config = len(self.validators), self.config
        return topology(size, self.leader(view), view, config.seed, config.gateways, self.demoted)

    @property
    def demoted(self) -> frozenset[int]:
        """The gateways that carry nothing now: our parent's header shows them."""
        if self.parent.epoch != self.validators.epoch:
            return frozenset()
        return demoted_of(self.parent.demotions, len(self.validators))

    def speaks_for(self, sender: bytes, index: int) -> None:
        """A validator's words come from its own node; raises `UnknownValidator`."""
        if self.validators.by_node.get(sender) != index:
            raise UnknownValidator(sender=sender, index=index)

    def is_validator(self, sender: bytes) -> bool:
        """Whether the node is a validator's."""
        return sender in self.validators.by_node

    def allowed(self, node: bytes, what: str) -> bool:
        """At most one answer of a kind to a node every tau0."""
        last = self._answered.get((node, what))
        if last is not None and self.now - last < self.config.tau0:
            return False
        if len(self._answered) >= MAX_ANSWERED:
            self._answered.clear()
        self._answered[node, what] = self.now
        return True

    def check(self, certificate: Certificate) -> None:
        """Verify a certificate once; raises as `verify_certificate`."""
        if certificate.hash not in self._checked:
            validators = self.set_of(certificate.epoch)
            verify_certificate(certificate, validators, self.chain_id, self.scheme)
            self.trust(certificate)

    def check_timeouts(self, timeouts: TimeoutCertificate) -> None:
        """Verify a timeout certificate once; raises as `verify_timeouts`."""
        if timeouts.hash not in self._checked:
            verify_timeouts(timeouts, self.validators, self.chain_id, self.scheme)
            self.trust(timeouts)

    def trust(self, certificate: Certificate | TimeoutCertificate) -> None:
        """Remember as verified (or made by ourselves of verified votes)."""
        while len(self._checked) >= MAX_CHECKED:
            del self._checked[next(iter(self._checked))]
        self._checked[certificate.hash] = None

    def accuse(self, evidence: AnyEvidence) -> None:
        """Report evidence that convicts somebody new, or a quorum at a new place.

        Raises `WrongEpoch` and as `verify_evidence`; what is known costs no verification.
        """
        first = parts(evidence)[0]
        validators = self.set_of(first.epoch)
        keys = validators.keys_of(guilty(evidence, validators))
        if isinstance(evidence, BY_QUORUM):
            keys.append(_place_key(fixed(first.epoch), fixed(first.height), fixed(first.view)))
        if new := self.watch.news(keys):
            verify_evidence(evidence, validators, self.chain_id, self.scheme)
            self.watch.report(new)
            self.emit(ReportEvidence(evidence))

    def report(self, *found: AnyEvidence) -> None:
        """As `accuse`; what does not verify (tallies hold unverified votes) is no evidence."""
        for evidence in found:
            with suppress(Invalid):
                self.accuse(evidence)

    def blame(self, indexes: list[int], reason: str) -> None:
        """Penalise the nodes of validators."""
        for index in indexes:
            self.emit(Penalise(self.validators.validators[index].node, reason))

    @property
    def abstains(self) -> bool:
        """Followers, and whoever knows this height to be final already, sign nothing."""
        return self.me is None or bool(self.at.deciding) or self.behind >= self.round.height

    def request(
        self, step: Step, view: int, payload: bytes, unsigned: Propose | Vote | Timeout
    ) -> None:
        """Ask the signer; `unsigned` leaves with the signature."""
        if self.abstains:
            return
        height, epoch = self.round.height, self.validators.epoch
        position = Position(height, view, int(step))
        digest = signing_digest(step, self.chain_id, epoch, height, view, payload)
        memory = encode(Memory(self.round.high_qc, self.at.entry))
        asked = Sign(position, digest, epoch, payload, memory)
        self.at.pending[position], self.at.latest = (asked, unsigned), position
        self.emit(asked)

    def keep(self, block: bytes) -> None:
        """Have a block made durable before we vote for it, once."""
        candidate = self.at.candidates[block]
        if not candidate.kept and not self.abstains:
            candidate.kept = True
            parts = (candidate.header, candidate.body, candidate.parent_certificate)
            self.emit(Keep(BlockData(*parts)))

    def execute(self, candidate: Candidate) -> None:
        """Have a block validated, once at a time."""
        if not candidate.executing and not candidate.valid:
            candidate.executing = True
            self.emit(Execute(candidate.header, candidate.body))

    def tally(self, kind: int, view: int) -> Tally:
        """The votes of a kind and view."""
        key = (kind, view)
        if key not in self.at.tallies:
            parts = (self.validators, self.chain_id, self.scheme, self.suspects)
            self.at.tallies[key] = Tally(*parts)
        return self.at.tallies[key]

    def add_candidate(self, candidate: Candidate) -> None:
        """Keep a block of this height; the oldest that nothing needs makes room.

        Blocks we prepared stay as long as possible: a certificate for one may surface later, and
        its next leader will ask us for the body.
        """
        blocks, key = self.at.candidates, candidate.header.id
        known = blocks.get(key)
        if known and known.parent_certificate:
            return
        if known:
            known.parent_certificate = candidate.parent_certificate
            return
        needed = {c.block for c in (*self.round.high_qc, *self.at.deciding)}
        if len(blocks) >= MAX_CANDIDATES:
            del blocks[next(k for k in blocks if k not in needed)]
        blocks[key] = candidate
