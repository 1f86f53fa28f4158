"""One simulated node: the real machine, the real journal rule, a toy application, a disk that
loses what was not synced. Worlds (timed, adversarial, twins) deliver to it and are called back.

The toy application's blocks carry a salt and the evidence their proposer knows of; a block whose
evidence convicts nobody new is invalid, as on a real chain.
"""

from __future__ import annotations

import hashlib
import random
from typing import Protocol

import msgpack
from msgspec.structs import replace

from bystack.primitives.codec import decode_union, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.events import (
    Broadcast,
    BuildBlock,
    Built,
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
from bystack.sidechain.consensus.evidence import AnyEvidence, Statement, guilty, parts
from bystack.sidechain.consensus.messages import (
    BlockData,
    Blocks,
    EvidenceFound,
    FinalBlock,
    GetBlocks,
    Message,
)
from bystack.sidechain.consensus.positions import Position, Reuse, judge
from bystack.sidechain.consensus.statements import (
    Certificate,
    SignedProposal,
    Step,
    Timeout,
    Vote,
    genesis_certificate,
)
from bystack.sidechain.consensus.validators import ValidatorSet
from tests.simulation import detours
from tests.simulation.disk import Journal
from tests.simulation.eras import CHAIN as CHAIN
from tests.simulation.eras import Schedule
from tests.simulation.monitor import Monitor
from tests.simulation.monitor import Violation as Violation
from tests.simulation.schemes import Keyring

BATCH = 8


def digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def genesis(
    keyring: Keyring, group: ValidatorSet | None = None, chain: bytes = CHAIN
) -> tuple[Header, Certificate]:
    hash_, zero = (group or keyring.validators).hash, bytes(32)
    roots = (zero, zero, 0, zero, zero, zero)
    header = Header(1, chain, 0, 0, 0, zero, zero, *roots, hash_, hash_, b"", 0)
    return header, genesis_certificate(header)


def make_block(
    keyring: Keyring,
    wish: BuildBlock,
    salt: bytes,
    group: ValidatorSet | None = None,
    evidence: tuple[AnyEvidence, ...] = (),
) -> tuple[Header, bytes]:
    body: bytes = msgpack.packb([salt, [encode(one) for one in evidence]])
    zero, chosen = bytes(32), group or keyring.validators
    parent, certificate = wish.parent, wish.certificate
    after = digest(parent.state_root, body)
    roots: tuple[bytes, bytes, int, bytes, bytes, bytes]
    roots = (digest(body), zero, 1, after, zero, zero)
    links = (parent.id, certificate.hash)
    place = (1, wish.parent.chain, wish.height, chosen.epoch, wish.time)
    return Header(*place, *links, *roots, chosen.hash, chosen.hash, b"", wish.proposer), body


def is_valid(header: Header, body: bytes, parent: Header) -> bool:
    good = header.state_root == digest(parent.state_root, body)
    return good and header.transaction_root == digest(body)


def evidence_in(body: bytes) -> list[AnyEvidence]:
    return [decode_union(AnyEvidence, data, 100_000) for data in msgpack.unpackb(body)[1]]


class World(Protocol):
    now: int
    schedule: Schedule

    def send(self, source: int, target: int, message: Message, wait: int = 0) -> None: ...
    def timer(self, node: Node, timer: Timer, at: int) -> None: ...
    def answer(self, node: Node, event: Input, kind: str) -> None: ...


class Node:
    """An honest node: it votes in the epochs its key is elected to and follows in the others."""

    honest = True

    def __init__(self, world: World, monitor: Monitor, index: int, seed: int) -> None:
        self.world, self.monitor, self.schedule = world, monitor, world.schedule
        self.keyring, self.index = world.schedule.keyring, index
        self.key = self.keyring.validators.validators[index].key
        self.rng = random.Random(f"{seed} node {index}")
        self.journal = Journal()
        self.abstains_in = -1
        self.blocks: list[FinalBlock] = []
        self.blocks_synced = 0
        self.convicted: dict[bytes, int] = {}
        self.evidence: list[AnyEvidence] = []
        self.kept: list[BlockData] = []
        self.alive, self.life = True, 0
        self.unsaid: dict[Position, Statement] = {}
        self.machine = self._machine()

    @property
    def era(self) -> Era:
        return self.schedule.era(self.final_height + 1)

    @property
    def abstains(self) -> bool:
        """It lost its journal in this epoch: what it signed is not known."""
        return self.abstains_in >= self.era.validators.epoch

    def _machine(self) -> Bbft:
        start, chain = self.genesis, self.schedule.chain
        self.kept = [b for b in self.kept if b.header.height > self.final_height]
        if self.blocks:
            start = (self.blocks[-1].header, self.blocks[-1].certificate)
        key = b"" if self.abstains else self.key
        recovered, kept = self.journal.last, tuple(self.kept)
        return Bbft(self.era, key, chain, self.keyring.scheme, start, recovered, kept)

    @property
    def genesis(self) -> tuple[Header, Certificate]:
        return genesis(self.keyring, self.schedule.group(0), self.schedule.chain)

    @property
    def final(self) -> Header:
        return self.blocks[-1].header if self.blocks else self.genesis[0]

    @property
    def final_height(self) -> int:
        return len(self.blocks)

    def begin(self) -> None:
        self.perform(self.machine.begin(self.world.now))

    def crash(self, lose_journal: bool = False) -> None:
        self.alive = False
        self.life += 1
        self.journal.crash(self.rng, lose_journal)
        del self.blocks[self.rng.randint(self.blocks_synced, len(self.blocks)) :]
        self.blocks_synced = len(self.blocks)
        self.convicted = {k: h for k, h in self.convicted.items() if h <= len(self.blocks)}
        self.evidence.clear()
        if lose_journal:
            self.abstains_in = self.era.validators.epoch

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
            self.finalized(event)
        if isinstance(event, Received) and isinstance(event.message, GetBlocks):
            return self.give_blocks(event.sender, event.message)
        self.perform(self.machine.handle(event, self.world.now))
        if self.honest:
            self.monitor.inspect(self.index, self.machine)

    def finalized(self, event: Finalized) -> None:
        """Durable. Whoever abstained votes again when the epoch turns."""
        self.blocks_synced = len(self.blocks)
        if self.abstains_in >= 0 and event.era.validators.epoch > self.abstains_in:
            self.abstains_in = -1
            self.restart()

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
                self.send_node(node, GetBlocks(height, BATCH))
            case Penalise(node, reason):
                self.monitor.penalties.append((self.index, node, reason))
            case ReportEvidence(evidence):
                self.found(evidence)

    def found(self, evidence: AnyEvidence) -> None:
        """Into our next block, and to everyone."""
        if self.honest:
            self.monitor.accuse(self.index, evidence)
        self.evidence.append(evidence)
        self.broadcast(EvidenceFound(evidence))

    def duty(self, output: Execute | BuildBlock | Keep | Sign | Decide) -> None:
        """What application, disk and signer do."""
        match output:
            case Execute(header, body):
                good = is_valid(header, body, self.final) and self.takes(body)
                good = good and detours.lawful(self.schedule, self.blocks, header)
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

    # The application

    def build(self, wish: BuildBlock) -> tuple[Header, bytes]:
        known = {**self.convicted}
        chosen = tuple(one for one in self.evidence if self.convict(one, known, wish.height))
        group = self.schedule.era(wish.height).validators
        header, body = make_block(self.keyring, wish, self.rng.randbytes(8), group, chosen)
        demotions = detours.shown(self.schedule, self.blocks, wish.demote)
        return replace(header, demotions=demotions), body

    def keys_of(self, evidence: AnyEvidence) -> list[bytes]:
        group = self.schedule.group(parts(evidence)[0].epoch)
        return group.keys_of(guilty(evidence, group))

    def convict(self, evidence: AnyEvidence, known: dict[bytes, int], height: int) -> bool:
        """Whether evidence convicts somebody not `known`; adds them."""
        new = [key for key in self.keys_of(evidence) if key not in known]
        known.update(dict.fromkeys(new, height))
        return bool(new)

    def takes(self, body: bytes) -> bool:
        """Every piece of evidence in a block convicts somebody new."""
        try:
            known = {**self.convicted}
            return all(self.convict(one, known, 0) for one in evidence_in(body))
        except (Invalid, ValueError, TypeError):
            return False

    def decide(self, decision: Decide) -> None:
        header = decision.header
        if self.honest:
            self.monitor.decide(self.world.now, self.index, header)
        if header.height == self.final_height + 1:
            self.blocks.append(FinalBlock(header, decision.body, decision.certificate))
            for one in evidence_in(decision.body):
                self.convict(one, self.convicted, header.height)
            self.evidence = [e for e in self.evidence if {*self.keys_of(e)} - {*self.convicted}]
        era = self.schedule.era(header.height + 1)
        self.world.answer(self, Finalized(header.height, era), "disk")

    def give_blocks(self, sender: bytes, asked: GetBlocks) -> None:
        start = max(asked.from_height, 1) - 1
        chosen = tuple(self.blocks[start : min(start + min(asked.count, 8), self.blocks_synced)])
        if chosen:
            self.send_node(sender, Blocks(chosen))

    # The signer

    def sign(self, asked: Sign) -> None:
        if self.abstains:
            return
        request = asked.request
        try:
            verdict = judge(self.journal.last, request, self.schedule.chain)
        except Invalid as refusal:
            return self.world.answer(self, SignRefused(asked.position, refusal.rule), "work")
        if isinstance(verdict, Reuse):
            signature = verdict.signature
        else:
            signature = self.keyring.sign(self.index, verdict.digest)
            self.journal.append(verdict.record(signature))
        if request.digest(self.schedule.chain) != asked.digest:
            raise Violation("machine and signer disagree on a digest")
        self.unsaid[asked.position] = self.statement(asked, signature)
        self.world.answer(self, Signed(asked.position, signature, asked.digest), "disk")

    def released(self, event: Signed) -> None:
        """The record is durable; the signature leaves."""
        self.journal.sync(event.position)
        if self.honest and event.position in self.unsaid:
            self.monitor.said(self.index, self.unsaid.pop(event.position))

    def statement(self, asked: Sign, signature: bytes) -> Statement:
        place = (asked.epoch, asked.position.height, asked.position.view)
        payload, step = asked.payload, asked.position.step
        seat = self.schedule.seat(asked.epoch, self.index)
        match step:
            case Step.PROPOSE:
                return SignedProposal(*place, payload[:32], payload[32:], seat, signature)
            case Step.TIMEOUT:
                high = int.from_bytes(payload, "big") - 1
                return Timeout(*place, high, (), seat, signature)
            case _:
                blocks = (payload[:32], payload[32:] or bytes(32))
                return Vote(step, *place, *blocks, seat, signature)
