"""One machine among liars: any message of any type from anyone never breaks it or fills it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.bbft import Bbft
from bystack.sidechain.consensus.events import (
    BuildBlock,
    Built,
    Config,
    Decide,
    Era,
    Execute,
    Executed,
    Finalized,
    Input,
    Output,
    Received,
    ReportEvidence,
    SetTimer,
    Sign,
    Signed,
    SignRefused,
    Timer,
    TimerFired,
    WorkAvailable,
)
from bystack.sidechain.consensus.evidence import detect, guilty
from bystack.sidechain.consensus.messages import (
    Aggregate,
    BlockData,
    Blocks,
    Certificate,
    EvidenceFound,
    FinalBlock,
    Foreign,
    GetBlock,
    GetBlocks,
    GetProposal,
    Message,
    ProposalSeen,
    Propose,
    Sealed,
    Status,
    Timeout,
    TimeoutCertificate,
    Vote,
    decode_message,
    encode_message,
)
from bystack.sidechain.consensus.statements import HighSigners, SignedProposal
from bystack.sidechain.consensus.validators import bitmap_of
from tests.simulation.harness import CHAIN, genesis, make_block
from tests.simulation.monitor import bounds
from tests.simulation.schemes import hash_keyring, node_id

SIZE, ME = 4, 2
RING = hash_keyring(SIZE)
CONFIG = Config(interval=100, empty_interval=100, tau0=300, fallback=80, gateways=2)
ERA = Era(RING.validators, CONFIG)


OTHERS = tuple(i for i in range(SIZE) if i != ME)


class Liars:
    """Makes messages of every type, half of them such as the machine waits for, signed by any key
    but ours, or by none."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.machine = Bbft(ERA, b"", CHAIN, RING.scheme, genesis(RING))
        self.blocks: list[tuple[Header, bytes]] = []
        self.heard: list[Message] = []

    @property
    def parent(self) -> tuple[Header, Certificate]:
        """The victim's last final block."""
        return self.machine._m.parent, self.machine._m.parent_certificate

    def sign(self, index: int, digest: bytes) -> bytes:
        """By whom it names, by somebody, or by nobody."""
        draw = self.rng.random()
        if draw < 0.1:
            return self.rng.randbytes(96)
        wanted = index in OTHERS and draw < 0.9
        return RING.sign(index if wanted else self.rng.choice(OTHERS), digest)

    def place(self) -> tuple[int, int, int]:
        """Mostly where the victim is."""
        height, view = self.machine.height, self.machine.view
        if self.rng.random() < 0.7:
            return 0, height, view
        near = height + self.rng.choice((-1, 0, 0, 0, 1, 2))
        height = self.rng.choice((near, near, near, 0, 2**62))
        view = self.rng.choice((view, max(view - 1, 0), view + 1, view + 3, 0, 2**31 - 1))
        return self.rng.choice((0, 0, 0, 0, 1)), max(height, 0), view

    def block(self) -> tuple[Header, bytes]:
        """A block on the victim's last final one; one of the last few."""
        parent, certificate = self.parent
        here = [one for one in self.blocks if one[0].height == parent.height + 1]
        if not here or self.rng.random() < 0.1:
            view, time = self.machine.view, parent.time + 1 + self.rng.randrange(3)
            leader = self.rng.choice((self.machine.leader_index, self.rng.randrange(SIZE)))
            wish = BuildBlock(parent.height + 1, view, time, parent, certificate, leader)
            self.blocks = [*self.blocks[-6:], make_block(RING, wish, self.rng.randbytes(4))]
            return self.blocks[-1]
        return self.rng.choice(here if self.rng.random() < 0.9 else self.blocks)

    def bitmap(self) -> bytes:
        draw = self.rng.random()
        if draw < 0.1:
            return self.rng.randbytes(self.rng.randrange(4))
        if draw < 0.7:
            return bitmap_of(OTHERS, SIZE)
        return bitmap_of(self.rng.sample(range(SIZE), self.rng.randrange(SIZE + 1)), SIZE)

    def sum(self, kind: type[Any]) -> Any:
        """A certificate or aggregate, mostly signed by its bits."""
        which, (header, _) = self.rng.choice((1, 2)), self.block()
        justify = bytes(32) if which == 2 else header.parent_certificate
        justify = self.rng.randbytes(32) if self.rng.random() < 0.1 else justify
        bits = self.bitmap()
        made = kind(which, *self.place(), header.id, justify, bits, bytes(96))
        who = [i for i in range(SIZE) if bits[:1] and bits[0] >> i & 1]
        shares = [RING.sign(i, made.digest(CHAIN)) for i in who if i != ME]
        shares += [self.rng.randbytes(96)] if ME in who or not who else []
        return replace(made, signature=RING.scheme.aggregate(shares))

    def vote(self) -> Vote:
        which, (header, _) = self.rng.choice((1, 2)), self.block()
        index = self.rng.choice((0, 1, 2, 3, 4, 399))
        bare = Vote(which, *self.place(), header.id, bytes(32), index, bytes(96))
        return replace(bare, signature=self.sign(index, bare.digest(CHAIN)))

    def timeout(self) -> Timeout:
        best = (self.sum(Certificate),) if self.rng.random() < 0.3 else ()
        high = best[0].view if best else self.rng.choice((-1, -1, -1, 0))
        index = self.rng.randrange(SIZE)
        bare = Timeout(*self.place(), high, best, index, bytes(96))
        return replace(bare, signature=self.sign(index, bare.digest(CHAIN)))

    def closing(self, view: int = -1) -> TimeoutCertificate:
        """Of the victim's view, or of any."""
        place = self.place() if view < 0 else (0, self.machine.height, view)
        best = (self.sum(Certificate),) if self.rng.random() < 0.2 else ()
        groups = (HighSigners(best[0].view if best else -1, bitmap_of(OTHERS, SIZE)),)
        if self.rng.random() < 0.2:
            highs = sorted(self.rng.sample((-1, 0, 1, 2), self.rng.randrange(3)))
            groups = tuple(HighSigners(high, self.bitmap()) for high in highs)
        bare = TimeoutCertificate(*place, groups, bytes(96), best)
        shares = [RING.sign(i, bare.digest(CHAIN, g.high)) for g in groups for i in OTHERS]
        return replace(bare, signature=RING.scheme.aggregate([*shares, self.noise()]))

    def given_up(self) -> TimeoutCertificate:
        """Rarely of the victim's view: it would leave it."""
        if self.rng.random() < 0.1:
            return self.closing()
        return self.closing(max(self.machine.view - 1, 0))

    def noise(self) -> bytes:
        """What changes nothing in a sum, or spoils it."""
        return bytes(96) if self.rng.random() < 0.8 else self.rng.randbytes(96)

    def proposal(self) -> Propose:
        """Justified as the victim's view asks, or not."""
        (header, body), view = self.block(), self.place()[2]
        certificate = self.sum(Certificate) if self.rng.random() < 0.1 else self.parent[1]
        closed = (self.closing(view - 1),) if 0 < view < 2**31 - 1 else ()
        closed = () if self.rng.random() < 0.05 else closed
        bare = Propose(header, body, view, certificate, closed, bytes(96))
        leader = self.machine.leader_index
        return replace(bare, signature=self.sign(leader, bare.signed_by(leader).digest(CHAIN)))

    def seen(self) -> ProposalSeen:
        header, _ = self.block()
        index = self.rng.randrange(SIZE)
        bare = SignedProposal(*self.place(), header.id, bytes(32), index, bytes(96))
        return ProposalSeen(replace(bare, signature=self.sign(index, bare.digest(CHAIN))))

    def evidence(self) -> EvidenceFound | None:
        one, other = (self.rng.choice((self.vote, self.timeout, self.closing))() for _ in "ab")
        found = detect(one, other)
        return EvidenceFound(found) if found else None

    def blocks_message(self) -> Blocks:
        chosen = [self.block() for _ in range(self.rng.randrange(4))]
        return Blocks(tuple(FinalBlock(h, b, self.final(h)) for h, b in chosen))

    def final(self, header: Header) -> Certificate:
        """Mostly one that makes the block final."""
        if self.rng.random() < 0.3:
            return self.sum(Certificate)
        bits = bitmap_of(OTHERS, SIZE)
        made = Certificate(2, 0, header.height, 0, header.id, bytes(32), bits, bytes(96))
        shares = [RING.sign(i, made.digest(CHAIN)) for i in OTHERS]
        return replace(made, signature=RING.scheme.aggregate(shares))

    def message(self) -> Message:
        makers: list[Callable[[], Message | None]] = [
            self.vote,
            self.timeout,
            self.given_up,
            self.proposal,
            self.proposal,
            self.seen,
            self.evidence,
            self.blocks_message,
            lambda: self.sum(Certificate),
            lambda: self.sum(Aggregate),
            lambda: Status(self.sum(Certificate)),
            lambda: GetProposal(self.place()[1], self.place()[2]),
            lambda: GetBlock(self.place()[1], self.block()[0].id),
            lambda: GetBlocks(self.place()[1], 9),
            lambda: BlockData(*self.block(), ()),
            lambda: self.rng.choice(
                (Sealed(*self.block(), self.sum(Certificate)), Foreign(b"foreign"))
            ),
            lambda: self.rng.choice(self.heard) if self.heard else None,
        ]
        made = None
        while made is None:
            made = self.rng.choice(makers)()
        self.heard = [*self.heard[-50:], made]
        return made


class Victim:
    """A machine, and a world that answers it truly, falsely, late or never."""

    def __init__(self, seed: int, me: bytes) -> None:
        self.rng = random.Random(f"hostile {seed}")
        self.liars = Liars(self.rng)
        start = genesis(RING)
        self.machine = self.liars.machine = Bbft(ERA, me, CHAIN, RING.scheme, start)
        self.now, self.waiting = 0, list[Input]()
        self.kinds: set[type] = set()
        self.said: Counter[str] = Counter()
        self.take(self.machine.begin(0))

    def take(self, outputs: list[Output]) -> None:
        for output in outputs:
            self.said[type(output).__name__] += 1
            match output:
                case ReportEvidence(evidence):
                    assert ME not in guilty(evidence, RING.validators)
                case SetTimer(timer):
                    self.waiting.append(TimerFired(timer))
                case Execute(header):
                    self.waiting.append(Executed(header.id, self.rng.random() < 0.8))
                case BuildBlock():
                    self.waiting.append(Built(*make_block(RING, output, self.rng.randbytes(4))))
                case Sign(position, digest):
                    signed = Signed(position, RING.sign(ME, digest), digest)
                    refused = SignRefused(position, "SignedBefore")
                    self.waiting.append(self.rng.choice((signed, signed, signed, refused)))
                case Decide(header):
                    self.waiting.append(Finalized(header.height, ERA))

    def event(self) -> Input:
        draw = self.rng.random()
        if draw < 0.35 and self.waiting:
            return self.waiting.pop(self.rng.randrange(len(self.waiting)))
        if draw < 0.38:
            return self.rng.choice((WorkAvailable(), Executed(b"n" * 32, True), Finalized(1, ERA)))
        if draw < 0.40:
            return TimerFired(Timer(self.rng.choice((0, 1, 2, 3)), self.machine.height, 0))  # type: ignore[arg-type]
        message = self.liars.message()
        self.kinds.add(type(message))
        return Received(node_id(self.speaker(message)), message)

    def speaker(self, message: Message) -> int:
        """Mostly the one whose words they are."""
        if self.rng.random() < 0.2:
            return self.rng.randrange(SIZE + 2)
        if isinstance(message, Propose):
            return self.machine.leader_index
        return getattr(message, "index", self.rng.choice(OTHERS))

    def step(self) -> None:
        self.now += self.rng.choice((0, 1, 10, 200))
        self.take(self.machine.handle(self.event(), self.now))
        self.waiting = self.waiting[-40:]
        held = {n: h for n, h in bounds(self.machine._m).items() if h[0] > h[1]}
        assert not held


@pytest.mark.parametrize("batch", range(4))
@pytest.mark.parametrize("me", [RING.validators.validators[ME].key, b""], ids=["votes", "follows"])
def test_nothing_anyone_says_breaks_a_machine_or_fills_it(batch: int, me: bytes) -> None:
    kinds: set[type] = set()
    said: Counter[str] = Counter()
    for seed in range(batch * 5, batch * 5 + 5):
        victim = Victim(seed, me)
        for _ in range(1_500):
            victim.step()
        kinds |= victim.kinds
        said += victim.said
    assert kinds == {*get_args(Message)}
    # They got far enough for it to mean something: views failed, blocks became final, lies told.
    wanted = {"Execute", "Decide", "Penalise", "ReportEvidence", "Sync", "Send"}
    assert min(said[name] for name in wanted) >= 5, said


def test_the_liars_messages_are_such_as_come_by_wire() -> None:
    liars = Liars(random.Random("wire"))
    for _ in range(400):
        message = liars.message()
        assert decode_message(encode_message(message)) == message
