"""A world to run any engine of consensus in: nodes on a simulated clock and network.

Around each engine stand the journal's own rule, a toy application that executes blocks on any
executed parent, and a disk; a node that ends keeps what was durable. Nothing here knows which
engine runs: the suite is given an `EngineType` and asks for what every engine promises.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus import events
from bystack.sidechain.consensus.engine import Birth, EngineType, Verifier, seals_once
from bystack.sidechain.consensus.evidence import AnyEvidence, verify_evidence
from bystack.sidechain.consensus.light import Certified
from bystack.sidechain.consensus.messages import (
    BlockData,
    Blocks,
    FinalBlock,
    GetBlocks,
    Message,
    decode_message,
    encode_message,
)
from bystack.sidechain.consensus.positions import JournalRecord, Reuse, SignRequest, judge
from bystack.sidechain.consensus.statements import Certificate, genesis_certificate
from bystack.sidechain.consensus.validators import ValidatorSet
from tests.simulation.schemes import Keyring, hash_keyring

CHAIN = hashlib.sha256(b"conformance").digest()
EPOCH = 8
START = 1_700_000_000_000
ZERO = bytes(32)
CONFIG = events.Config(interval=500, empty_interval=2_000, tau0=1_500)


def digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def era_of(keyring: Keyring, height: int) -> events.Era:
    """Epochs of eight blocks, the same validators in each."""
    epoch = height // EPOCH
    members = keyring.validators.validators
    earlier = tuple(ValidatorSet(e, members) for e in range(epoch - 1, max(-1, epoch - 4), -1))
    return events.Era(ValidatorSet(epoch, members), CONFIG, epoch * EPOCH + EPOCH - 1, earlier)


def genesis(keyring: Keyring) -> tuple[Header, Certificate]:
    group = era_of(keyring, 0).validators.hash
    roots = (ZERO, ZERO, 0, ZERO, ZERO, ZERO)
    header = Header(1, CHAIN, 0, 0, START, ZERO, ZERO, *roots, group, group, b"", 0)
    return header, genesis_certificate(header)


def make_block(keyring: Keyring, wish: events.BuildBlock, body: bytes) -> tuple[Header, bytes]:
    validators = era_of(keyring, wish.height).validators
    place = (1, CHAIN, wish.height, validators.epoch, max(wish.time, wish.parent.time + 1))
    links = (wish.parent.id, wish.certificate.hash)
    root = digest(wish.parent.state_root, body)
    roots = (digest(body), ZERO, len(body) % 2, root, ZERO, ZERO)
    group = validators.hash
    return Header(*place, *links, *roots, group, group, b"", wish.proposer), body


def is_valid(keyring: Keyring, header: Header, body: bytes, parent: Header) -> bool:
    validators = era_of(keyring, header.height).validators
    roots = (header.state_root, header.transaction_root)
    wanted = (digest(parent.state_root, body), digest(body))
    place = (header.epoch, header.height, header.validators_hash)
    standing = (validators.epoch, parent.height + 1, validators.hash)
    return roots == wanted and place == standing and header.time > parent.time


@dataclass
class Disk:
    """What outlives a node: the journal, final blocks, blocks kept before voting."""

    journal: list[JournalRecord] = field(default_factory=list)
    blocks: list[FinalBlock] = field(default_factory=list)
    kept: dict[bytes, BlockData] = field(default_factory=dict)


class Node:
    """A node of the chain. `seat`: whose key its signer has, -1 for none."""

    def __init__(self, world: World, number: int, seat: int) -> None:
        self.world, self.number, self.seat = world, number, seat
        self.id = world.node_id(number)
        self.disk = Disk()
        self.life, self.alive, self.effects = 0, False, 0
        self.salt = random.Random(f"{world.seed} {number}")
        self.spoil: Callable[[Header, bytes], tuple[Header, bytes]] = lambda h, b: (h, b)
        self.crash_at = -1

    @property
    def key(self) -> bytes:
        members = self.world.keyring.validators.validators
        return members[self.seat].key if self.seat >= 0 else b""

    @property
    def final(self) -> Header:
        blocks = self.disk.blocks
        return blocks[-1].header if blocks else genesis(self.world.keyring)[0]

    @property
    def height(self) -> int:
        return len(self.disk.blocks)

    def start(self) -> None:
        world, disk = self.world, self.disk
        self.life, self.alive, self.effects = self.life + 1, True, 0
        last = (disk.blocks[-1].header, disk.blocks[-1].certificate) if disk.blocks else None
        disk.kept = {k: b for k, b in disk.kept.items() if b.header.height > self.height}
        self.executed = {self.final.id: self.final}
        self.decided = self.height
        birth = Birth(
            era=era_of(world.keyring, self.height + 1),
            key=self.key,
            chain_id=CHAIN,
            scheme=world.keyring.scheme,
            start=last or genesis(world.keyring),
            recovered=disk.journal[-1] if disk.journal else None,
            kept=tuple(disk.kept.values()),
            since=START,
            slot=CONFIG.interval,
        )
        self.engine = world.type.make(birth)
        self.perform(self.engine.handle(events.ClockMoved(START), world.now))
        self.perform(self.engine.begin(world.now))
        self.say(events.WorkAvailable())
        for other in world.nodes:
            if other is not self and other.alive:
                world.send(self, other.id, self.engine.status)
                world.send(other, self.id, other.engine.status)

    def stop(self) -> None:
        self.alive = False
        self.life += 1

    def say(self, event: events.Input) -> None:
        """An event for the engine, now."""
        if self.alive:
            self.perform(self.engine.handle(event, self.world.now))

    def later(self, event: events.Input, delay: int = 1) -> None:
        """An event for the engine in this life, some milliseconds on."""
        life = self.life
        self.world.at(delay, lambda: self.say(event) if self.life == life else None)

    def perform(self, outputs: Sequence[events.Output]) -> None:
        for output in outputs:
            if not self.alive:
                return
            self.effects += 1
            if self.effects == self.crash_at:
                self.crash_at = -1
                self.stop()
                self.world.at(700, self.start)
                return
            self.effect(output)

    def effect(self, output: events.Output) -> None:
        world = self.world
        match output:
            case events.Send(node, message):
                world.send(self, node, message)
            case events.Broadcast(message):
                for other in world.nodes:
                    if other is not self:
                        world.send(self, other.id, message)
            case events.SetTimer(timer, at_ms):
                self.later(events.TimerFired(timer), max(0, at_ms - world.now))
            case events.Execute() | events.BuildBlock() | events.Keep():
                self.work(output)
            case events.Sign():
                self.sign(output)
            case events.Decide():
                self.decide(output)
            case events.Sync(from_height, node):
                world.send(self, node, GetBlocks(from_height, 16))
            case events.Penalise(node, reason):
                world.penalties.append((self.number, node, reason))
            case events.ReportEvidence(evidence):
                world.report(self, evidence)

    def work(self, output: events.Execute | events.BuildBlock | events.Keep) -> None:
        """What application and disk do."""
        match output:
            case events.Execute(header, body):
                self.execute(header, body)
            case events.BuildBlock():
                made = make_block(self.world.keyring, output, self.salt.randbytes(7))
                header, body = self.spoil(*made)
                self.executed[header.id] = header
                self.later(events.Built(header, body), 3)
            case events.Keep(block):
                self.disk.kept[block.header.id] = block

    def execute(self, header: Header, body: bytes) -> None:
        parent = self.executed.get(header.parent)
        good = parent is not None and is_valid(self.world.keyring, header, body, parent)
        if good:
            self.executed[header.id] = header
        self.later(events.Executed(header.id, good, "" if good else "HeaderWrong"), 3)

    def sign(self, asked: events.Sign) -> None:
        """The signer: its journal is durable before the signature leaves."""
        journal, world = self.disk.journal, self.world
        last = journal[-1] if journal else None
        request = SignRequest(asked.position, asked.epoch, asked.payload, asked.high_qc)
        try:
            verdict = judge(last, request, CHAIN, world.verifier.order)
        except Invalid as refusal:
            return self.later(events.SignRefused(asked.position, refusal.rule))
        assert request.digest(CHAIN) == asked.digest
        if isinstance(verdict, Reuse):
            signature = verdict.signature
        else:
            signature = world.keyring.sign(self.seat, verdict.digest)
            journal.append(verdict.record(signature))
        self.later(events.Signed(asked.position, signature, asked.digest), 2)

    def decide(self, decided: events.Decide) -> None:
        """Final blocks come one by one, each on the one before, never another."""
        header, keyring = decided.header, self.world.keyring
        assert header.height == self.decided + 1, "decided out of order, or twice in one life"
        self.decided = header.height
        if header.height > self.height:
            if self.number not in self.world.ignored:
                assert header.parent == self.final.id, "finality reverted"
            assert header.id in self.executed, "decided before it was executed"
            self.world.verifier.check(
                header, decided.certificate, era_of(keyring, header.height).validators, CHAIN
            )
            self.disk.blocks.append(FinalBlock(header, decided.body, decided.certificate))
            self.world.note(self, header)
        self.later(events.Finalized(header.height, era_of(keyring, header.height + 1)), 2)
        self.later(events.WorkAvailable(), 3)

    def receive(self, sender: bytes, data: bytes) -> None:
        if not self.alive:
            return
        message = decode_message(data)
        if isinstance(message, GetBlocks):
            first = max(1, message.from_height) - 1
            found = tuple(self.disk.blocks[first : first + min(message.count, 16)])
            return self.world.send(self, sender, Blocks(found)) if found else None
        self.say(events.Received(sender, message))


class World:
    """Nodes, a clock, and a network that delays, and loses what it is told to lose."""

    def __init__(
        self, type: EngineType, size: int, followers: int = 0, seed: int = 0, silent: int = 0
    ) -> None:
        self.type, self.seed = type, seed
        self.keyring = hash_keyring(size)
        self.verifier: Verifier = type.verifier(self.keyring.scheme)
        self.rng = random.Random(seed)
        self.now, self._number = 0, 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self.lost: Callable[[bytes, bytes], bool] = lambda sender, receiver: False
        self.penalties: list[tuple[int, bytes, str]] = []
        self.accused: list[tuple[int, tuple[int, ...]]] = []
        self.ignored: set[int] = set()
        self.honest_chain: dict[int, bytes] = {}
        seats = [*range(size), *([-1] * followers)]
        self.nodes: list[Node] = []
        for number, seat in enumerate(seats):
            self.nodes.append(Node(self, number, seat))
        for node in self.nodes[: len(self.nodes) - silent]:
            node.start()

    def node_id(self, number: int) -> bytes:
        members = self.keyring.validators.validators
        return members[number].node if number < len(members) else digest(b"follower %d" % number)

    def twin(self, seat: int) -> Node:
        """A second node with the key of a seat and a journal of its own."""
        node = Node(self, len(self.nodes), seat)
        self.nodes.append(node)
        node.start()
        return node

    def at(self, delay: int, what: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self.now + delay, self._number, what))

    def send(self, source: Node, target: bytes, message: Message) -> None:
        """Deliver to the node with an id, later, unless it is lost."""
        data = encode_message(message)
        sender = self.node_id(source.seat) if source.seat >= 0 else source.id
        for node in self.nodes:
            named = node.seat >= 0 and self.node_id(node.seat) == target
            if node is source or not (named or node.id == target):
                continue
            if not self.lost(source.id, node.id):
                self.at(self.rng.randint(2, 30), self._delivery(node, sender, data))

    def _delivery(self, node: Node, sender: bytes, data: bytes) -> Callable[[], None]:
        return lambda: node.receive(sender, data)

    def note(self, node: Node, header: Header) -> None:
        """Every honest node's final chain is the same."""
        if node.number in self.ignored:
            return
        known = self.honest_chain.setdefault(header.height, header.id)
        assert known == header.id, f"fork at height {header.height}"

    def report(self, node: Node, evidence: AnyEvidence) -> None:
        first = getattr(evidence, "first", None) or next(iter(vars_of(evidence)))
        validators = ValidatorSet(first.epoch, self.keyring.validators.validators)
        slots = seals_once(self.verifier)
        guilty = verify_evidence(evidence, validators, CHAIN, self.keyring.scheme, slots=slots)
        self.accused.append((node.number, guilty))

    def run(self, until: Callable[[], bool], limit: int = 120_000) -> None:
        """Let time pass until a condition holds; fails after `limit` simulated milliseconds."""
        end = self.now + limit
        while not until():
            assert self._heap, "nothing will ever happen again"
            due, _, what = heapq.heappop(self._heap)
            assert due <= end, f"not within {limit} ms: heights {[n.height for n in self.nodes]}"
            self.now = max(self.now, due)
            what()

    def pass_time(self, milliseconds: int) -> None:
        """Let time pass."""
        end = self.now + milliseconds
        while self._heap and self._heap[0][0] <= end:
            due, _, what = heapq.heappop(self._heap)
            self.now = max(self.now, due)
            what()
        self.now = end

    def reach(self, height: int, nodes: Sequence[Node] = (), limit: int = 120_000) -> None:
        """Until these nodes (all that live) are final up to a height."""
        waited = nodes or [node for node in self.nodes if node.alive]
        self.run(lambda: all(node.height >= height for node in waited), limit)


def vars_of(evidence: AnyEvidence) -> list[object]:
    return [getattr(evidence, name) for name in type(evidence).__struct_fields__]


def line_of(node: Node, height: int) -> tuple[Certified, ...]:
    """A node's final header of a height and those above it."""
    blocks = node.disk.blocks[height - 1 :]
    return tuple(Certified(block.header, block.certificate) for block in blocks)
