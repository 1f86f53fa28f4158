"""One simulated node: the real machine, the real journal rule, a toy application, a disk that
loses what was not synced. Worlds (timed or adversarial) deliver to it and are called back."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.events import (
    Broadcast,
    BuildBlock,
    Built,
    Config,
    Decide,
    Era,
    Execute,
    Executed,
    Finalized,
    Input,
    Keep,
    Output,
    Penalise,
    Received,
    ReportEvidence,
    Send,
    SetTimer,
    Sign,
    Signed,
    SignRefused,
    Sync,
    Timer,
)
from bystack.sidechain.consensus.evidence import Statement, detect, verify_evidence
from bystack.sidechain.consensus.messages import BlockData, Blocks, FinalBlock, GetBlocks, Message
from bystack.sidechain.consensus.positions import JournalRecord, Position, Reuse, judge
from bystack.sidechain.consensus.statements import (
    PREPARE,
    Certificate,
    SignedProposal,
    Step,
    Timeout,
    Vote,
    genesis_certificate,
)
from tests.simulation.schemes import Keyring

CHAIN = hashlib.sha256(b"simulated chain").digest()


class Violation(AssertionError):
    """A safety or liveness property is broken."""


def digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def genesis(keyring: Keyring) -> tuple[Header, Certificate]:
    group, zero = keyring.validators.hash, bytes(32)
    roots = (zero, zero, 0, zero, zero, zero)
    header = Header(1, CHAIN, 0, 0, 0, zero, zero, *roots, group, group, b"", 0)
    return header, genesis_certificate(header)


def make_block(keyring: Keyring, wish: BuildBlock, salt: bytes) -> tuple[Header, bytes]:
    body, zero, group = salt * 4, bytes(32), keyring.validators.hash
    parent, certificate = wish.parent, wish.certificate
    roots = (digest(body), zero, 1, digest(parent.state_root, body), zero, zero)
    links = (parent.id, certificate.hash)
    place = (1, CHAIN, wish.height, 0, wish.time)
    return Header(*place, *links, *roots, group, group, b"", wish.proposer), body


def is_valid(header: Header, body: bytes, parent: Header) -> bool:
    good = header.state_root == digest(parent.state_root, body)
    return good and header.transaction_root == digest(body)


class Journal:
    """Records in order; a crash keeps the synced ones and perhaps some after."""

    def __init__(self) -> None:
        self.records: list[JournalRecord] = []
        self.synced = 0

    @property
    def last(self) -> JournalRecord | None:
        return self.records[-1] if self.records else None

    def crash(self, rng: random.Random) -> None:
        del self.records[rng.randint(self.synced, len(self.records)) :]
        self.synced = len(self.records)


class World(Protocol):
    now: int

    def send(self, source: int, target: int, message: Message) -> None: ...
    def timer(self, node: Node, timer: Timer, at: int) -> None: ...
    def answer(self, node: Node, event: Input, kind: str) -> None: ...


@dataclass
class Monitor:
    """Watches the honest nodes; raises `Violation`."""

    keyring: Keyring
    honest: frozenset[int]
    decided: dict[int, bytes] = field(default_factory=dict)
    certified: dict[tuple[int, int], bytes] = field(default_factory=dict)
    statements: dict[tuple[int, int], list[Statement]] = field(
        default_factory=lambda: defaultdict(list)
    )
    evidence: list[tuple[int, ...]] = field(default_factory=list)
    penalties: list[tuple[int, bytes, str]] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)

    def decide(self, node: int, header: Header) -> None:
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

    def accuse(self, guilty: tuple[int, ...], what: object) -> None:
        """Evidence was found."""
        if self.honest & {*guilty}:
            raise Violation(f"evidence names honest {guilty}: {what}")

    def inspect(self, node: Node) -> None:
        m, size = node.machine._m, len(self.keyring.validators)
        for (kind, view), certificate in m.at.certificates.items():
            if kind == PREPARE:
                place = (certificate.height, view)
                if self.certified.setdefault(place, certificate.block) != certificate.block:
                    raise Violation(f"two prepare certificates at {place}")
        bounded = (
            len(m.later) <= 16 * size
            and len(m.at.candidates) <= 16
            and len(m.at.proposals) <= 4
            and len(m.at.tallies) <= 12
            and len(m.at.rejected) <= 8
            and len(m.catch_up) <= 32
            and len(m._checked) <= 256
            and not m.outbox
            and not m.agenda
        )
        if not bounded:
            raise Violation(f"node {node.index} outgrows its bounds")


class Node:
    """An honest validator."""

    honest = True

    def __init__(
        self,
        world: World,
        monitor: Monitor,
        keyring: Keyring,
        index: int,
        config: Config,
        seed: int,
    ) -> None:
        self.world, self.monitor, self.keyring = world, monitor, keyring
        self.index, self.config = index, config
        self.rng = random.Random(f"{seed} node {index}")
        self.journal = Journal()
        self.blocks: list[FinalBlock] = []
        self.blocks_synced = 0
        self.kept: list[BlockData] = []
        self.alive, self.life = True, 0
        self.unsaid: dict[Position, Statement] = {}
        self.machine = self._machine()

    @property
    def era(self) -> Era:
        return Era(self.keyring.validators, self.config)

    def _machine(self) -> Bbft:
        start = genesis(self.keyring)
        self.kept = [b for b in self.kept if b.header.height > self.final_height]
        if self.blocks:
            start = (self.blocks[-1].header, self.blocks[-1].certificate)
        return Bbft(
            self.era,
            self.keyring.validators.validators[self.index].key,
            CHAIN,
            self.keyring.scheme,
            start,
            self.journal.last,
            tuple(self.kept),
        )

    @property
    def final(self) -> Header:
        return self.blocks[-1].header if self.blocks else genesis(self.keyring)[0]

    @property
    def final_height(self) -> int:
        return len(self.blocks)

    def begin(self) -> None:
        self.perform(self.machine.begin(self.world.now))

    def crash(self) -> None:
        self.alive = False
        self.life += 1
        self.journal.crash(self.rng)
        del self.blocks[self.rng.randint(self.blocks_synced, len(self.blocks)) :]
        self.blocks_synced = len(self.blocks)

    def restart(self) -> None:
        self.alive = True
        self.machine = self._machine()
        self.begin()

    def handle(self, event: Input) -> None:
        if not self.alive:
            return
        if isinstance(event, Signed):
            self.released(event)
        if isinstance(event, Finalized):
            self.blocks_synced = len(self.blocks)
        if isinstance(event, Received) and isinstance(event.message, GetBlocks):
            return self.give_blocks(event.sender, event.message)
        self.perform(self.machine.handle(event, self.world.now))
        if self.honest:
            self.monitor.inspect(self)

    def perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            self.effect(output)

    def effect(self, output: Output) -> None:
        match output:
            case Send(node, message):
                self.send_node(node, message)
            case Broadcast(message):
                self.broadcast(message)
            case SetTimer(timer, at):
                self.world.timer(self, timer, at)
            case Execute() | BuildBlock() | Keep() | Sign() | Decide():
                self.duty(output)
            case Sync(height, node):
                self.send_node(node, GetBlocks(height, 8))
            case Penalise(node, reason):
                self.monitor.penalties.append((self.index, node, reason))
            case ReportEvidence(evidence):
                keyring = self.keyring
                guilty = verify_evidence(evidence, keyring.validators, CHAIN, keyring.scheme)
                if self.honest:
                    self.monitor.accuse(guilty, evidence)
                self.monitor.evidence.append(guilty)

    def duty(self, output: Execute | BuildBlock | Keep | Sign | Decide) -> None:
        """What application, disk and signer do."""
        match output:
            case Execute(header, body):
                good = is_valid(header, body, self.final)
                self.world.answer(self, Executed(header.id, good, "" if good else "root"), "work")
            case BuildBlock():
                self.world.answer(self, Built(*self.build(output)), "work")
            case Keep(block):
                self.kept.append(block)
            case Sign():
                self.sign(output)
            case Decide():
                self.decide(output)

    def send(self, index: int, message: Message) -> None:
        self.world.send(self.index, index, message)

    def send_node(self, node: bytes, message: Message) -> None:
        """To a validator's node; a stranger's hears nothing here."""
        index = self.keyring.validators.by_node.get(node)
        if index is not None:
            self.send(index, message)

    def broadcast(self, message: Message) -> None:
        for index in range(len(self.keyring.validators)):
            if index != self.index:
                self.send(index, message)

    def build(self, wish: BuildBlock) -> tuple[Header, bytes]:
        return make_block(self.keyring, wish, self.rng.randbytes(8))

    def sign(self, asked: Sign) -> None:
        request = asked.request
        try:
            verdict = judge(self.journal.last, request, CHAIN)
        except Invalid as refusal:
            return self.world.answer(self, SignRefused(asked.position, refusal.rule), "work")
        if isinstance(verdict, Reuse):
            signature = verdict.signature
        else:
            signature = self.keyring.sign(self.index, verdict.digest)
            self.journal.records.append(verdict.record(signature))
        if request.digest(CHAIN) != asked.digest:
            raise Violation("machine and signer disagree on a digest")
        self.unsaid[asked.position] = self.statement(asked, signature)
        self.world.answer(self, Signed(asked.position, signature, asked.digest), "disk")

    def released(self, event: Signed) -> None:
        """The record is durable; the signature leaves."""
        records = self.journal.records
        count = sum(r.position <= event.position for r in records)
        self.journal.synced = max(self.journal.synced, count)
        if self.honest and event.position in self.unsaid:
            self.monitor.said(self.index, self.unsaid.pop(event.position))

    def statement(self, asked: Sign, signature: bytes) -> Statement:
        place = (asked.epoch, asked.position.height, asked.position.view)
        payload, step = asked.payload, asked.position.step
        match step:
            case Step.PROPOSE:
                blocks = (payload[:32], payload[32:])
                return SignedProposal(*place, *blocks, self.index, signature)
            case Step.TIMEOUT:
                high = int.from_bytes(payload, "big") - 1
                return Timeout(*place, high, (), self.index, signature)
            case _:
                blocks = (payload[:32], payload[32:] or bytes(32))
                return Vote(step, *place, *blocks, self.index, signature)

    def decide(self, decision: Decide) -> None:
        header = decision.header
        if self.honest:
            self.monitor.decide(self.index, header)
        if header.height == self.final_height + 1:
            self.blocks.append(FinalBlock(header, decision.body, decision.certificate))
        self.world.answer(self, Finalized(header.height, self.era), "disk")

    def give_blocks(self, sender: bytes, asked: GetBlocks) -> None:
        start = max(asked.from_height, 1) - 1
        chosen = tuple(self.blocks[start : min(start + min(asked.count, 8), self.blocks_synced)])
        if chosen:
            self.send_node(sender, Blocks(chosen))


def describe(message: Message) -> str:
    """A short readable form for traces."""
    place = []
    header = getattr(message, "header", None)
    if header is not None:
        place.append(f"h{header.height} {header.id.hex()[:6]}")
    for name in ("kind", "height", "view", "high"):
        if hasattr(message, name):
            place.append(f"{name[0]}{getattr(message, name)}")
    if hasattr(message, "block") and isinstance(message.block, bytes):
        place.append(message.block.hex()[:6])
    return f"{type(message).__name__}({' '.join(place)})"


def size_of(message: Message) -> int:
    return len(encode(message))
