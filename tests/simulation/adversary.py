"""An adversary that owns the network and some keys: it picks every delivery, sees every message,
builds certificates and timeout certificates out of whatever it has, and signs anything.

A run goes through scenes of about one view each. In a scene each kind of message reaches only a
random part of the nodes, view timers fire at random moments, and the traitors act in between.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import permutations

from bystack.sidechain.consensus.events import (
    BuildBlock,
    Config,
    Input,
    Received,
    Timer,
    TimerFired,
    TimerKind,
)
from bystack.sidechain.consensus.messages import Message, Propose
from bystack.sidechain.consensus.statements import (
    COMMIT,
    NO_HASH,
    NO_SIGNATURE,
    PREPARE,
    Certificate,
    HighSigners,
    Step,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import bitmap_of
from tests.simulation.disk import Journal
from tests.simulation.eras import CHAIN, Schedule
from tests.simulation.harness import Node, genesis, make_block
from tests.simulation.monitor import ForkMonitor, Monitor, Violation
from tests.simulation.schemes import Keyring

HEIGHT = 1
Subject = tuple[int, int, bytes, bytes]


@dataclass(frozen=True)
class Attack:
    """What the adversary has. `needed` is the weight the rules under test ask of a quorum."""

    seed: int
    traitors: int = 1
    crashes: bool = False
    amnesia: bool = False
    needed: int = 3
    scenes: int = 12
    forks_only: bool = False


class Arena:
    """The world as the adversary arranges it, at one height."""

    def __init__(self, keyring: Keyring, attack: Attack) -> None:
        self.keyring, self.attack = keyring, attack
        self.rng = rng = random.Random(f"adversary {attack.seed}")
        self.size = len(keyring.validators)
        self.traitors = sorted(rng.sample(range(self.size), attack.traitors))
        honest = [i for i in range(self.size) if i not in self.traitors]
        kind = ForkMonitor if attack.forks_only else Monitor
        config = Config(seed=rng.randbytes(32), interval=100, empty_interval=100, tau0=300)
        self.now, self.schedule = 0, Schedule(keyring, config)
        self.monitor = kind(self.schedule, frozenset(honest))
        self.pool: list[tuple[int, int, Message]] = []
        self.answers: list[tuple[Node, int, Input]] = []
        self.timers: dict[tuple[int, TimerKind], tuple[Timer, int]] = {}
        self.votes: dict[Subject, dict[int, bytes]] = defaultdict(dict)
        self.timeouts: dict[int, dict[int, Timeout]] = defaultdict(dict)
        self.certificates: dict[Subject, Certificate] = {}
        self.closings: list[TimeoutCertificate] = []
        self.proposals: list[Propose] = []
        self.nodes = {i: Node(self, self.monitor, i, attack.seed) for i in honest}
        self.masks: dict[str, frozenset[int]] = {}
        self.secretive = rng.random() < 0.8
        self.deeds: list[int] = []
        self.isolated = self.helpful = True
        self.replay = ""

    # The world's side

    def send(self, source: int, target: int, message: Message, wait: int = 0) -> None:
        self.see(message)
        if target in self.nodes:
            self.pool.append((source, target, message))
        if self.helpful:
            for traitor in self.traitors:
                self.echo(traitor, message)

    def timer(self, node: Node, timer: Timer, at: int) -> None:
        self.timers[node.index, timer.kind] = (timer, at)

    def answer(self, node: Node, event: Input, kind: str) -> None:
        self.answers.append((node, node.life, event))

    def work(self) -> None:
        """Serve applications and signers."""
        while self.answers:
            node, life, event = self.answers.pop(0)
            if node.life == life:
                node.handle(event)

    def note(self, text: str) -> None:
        self.monitor.transcript.note(self.now, text)

    # What the adversary knows

    def see(self, message: Message) -> None:
        """Keep what may be of use."""
        match message:
            case Vote(height=1):
                self.see_vote(message)
            case Timeout(height=1):
                self.timeouts[message.view].setdefault(message.index, message)
                for best in message.best:
                    self.see(best)
            case Certificate(height=1):
                subject = (message.kind, message.view, message.block, message.justify)
                self.certificates.setdefault(subject, message)
            case TimeoutCertificate(height=1):
                self.closings.append(message)
            case Propose() if message.header.height == HEIGHT:
                self.proposals.append(message)

    def see_vote(self, vote: Vote) -> None:
        subject = (vote.kind, vote.view, vote.block, vote.justify)
        known = self.votes[subject]
        known[vote.index] = vote.signature
        for traitor in self.traitors:
            known[traitor] = self.forge(traitor, vote).signature
        if len(known) >= self.attack.needed and subject not in self.certificates:
            signers = sorted(known)
            whole = self.keyring.scheme.aggregate([known[i] for i in signers])
            named = (vote.kind, 0, HEIGHT, vote.view, vote.block, vote.justify)
            made = Certificate(*named, bitmap_of(signers, self.size), whole)
            self.certificates[subject] = made

    def forge(self, traitor: int, vote: Vote) -> Vote:
        named = (vote.kind, 0, HEIGHT, vote.view, vote.block, vote.justify)
        unsigned = Vote(*named, traitor, NO_SIGNATURE)
        signature = self.keyring.sign(traitor, unsigned.digest(CHAIN))
        return Vote(*named, traitor, signature)

    # Traitors

    def echo(self, traitor: int, message: Message) -> None:
        """Go along: votes for what is proposed and prepared, a TIMEOUT (a lie) for a TIMEOUT."""
        named: tuple[int, int, bytes, bytes] | None = None
        match message:
            case Propose() if message.header.height == HEIGHT:
                named = (PREPARE, message.view, message.header.id, message.justify)
            case Certificate(kind=kind, height=1) if kind == PREPARE:
                named = (COMMIT, message.view, message.block, NO_HASH)
            case Timeout(height=1):
                lie = self.lie(traitor, message.view, self.rng.choice([None, *message.best]))
                self.pool += [(traitor, i, lie) for i in self.nodes]
        if named:
            kind, view, block, justify = named
            empty = Vote(kind, 0, HEIGHT, view, block, justify, traitor, NO_SIGNATURE)
            self.pool += [(traitor, i, self.forge(traitor, empty)) for i in self.leading(view)]

    def leading(self, view: int) -> list[int]:
        """The leader of a view, if honest."""
        return [i for i in [self.leader(view)] if i in self.nodes]

    def lie(self, traitor: int, view: int, high: Certificate | None) -> Timeout:
        """A TIMEOUT that reports whatever suits."""
        best = (high,) if high else ()
        reported = high.view if high else -1
        unsigned = Timeout(0, HEIGHT, view, reported, best, traitor, NO_SIGNATURE)
        signature = self.keyring.sign(traitor, unsigned.digest(CHAIN))
        return Timeout(0, HEIGHT, view, reported, best, traitor, signature)

    def close(self, view: int, forgetful: bool = False) -> TimeoutCertificate | None:
        """A timeout certificate of a random quorum, traitors reporting nothing or something.

        Forgetful: of those who know least, the traitors knowing nothing.
        """
        known = dict(self.timeouts[view])
        prepared = [c for s, c in self.certificates.items() if s[0] == PREPARE]
        for traitor in self.traitors:
            high = None if forgetful else self.rng.choice([None, None, *prepared])
            known[traitor] = self.lie(traitor, view, high)
        if len(known) < self.attack.needed:
            return None
        others = [i for i in known if i not in self.traitors]
        self.rng.shuffle(others)
        if forgetful or self.rng.random() < 0.6:
            others.sort(key=lambda i: known[i].high)
        chosen = (self.traitors + others)[: self.attack.needed]
        taken = [known[i] for i in chosen]
        best = max(taken, key=lambda t: t.high)
        groups = tuple(
            HighSigners(h, bitmap_of([t.index for t in taken if t.high == h], self.size))
            for h in sorted({t.high for t in taken})
        )
        whole = self.keyring.scheme.aggregate([t.signature for t in taken])
        made = TimeoutCertificate(0, HEIGHT, view, groups, whole, best.best)
        self.closings.append(made)
        return made

    def leader(self, view: int) -> int:
        return next(iter(self.nodes.values())).machine._m.leader(view, HEIGHT)

    def propose(self, view: int) -> Propose | None:
        """A traitor's proposal: new or known block, any justification at hand."""
        leader = self.leader(view)
        if leader not in self.traitors:
            return None
        parent, certificate = genesis(self.keyring)
        wish = BuildBlock(HEIGHT, view, self.now + 1, parent, certificate, leader)
        header, body = make_block(self.keyring, wish, self.rng.randbytes(8))
        justify: tuple[TimeoutCertificate, ...] = ()
        if view:
            fitting = [c for c in self.closings if c.view == view - 1]
            if not fitting:
                return None
            justify = (self.rng.choice(fitting),)
            forced = justify[0].best[0].block if justify[0].best else b""
            again = [p for p in self.proposals if p.header.id == forced]
            if again and self.rng.random() < 0.8:
                header, body = again[0].header, again[0].body
        bare = Propose(header, body, view, certificate, justify, NO_SIGNATURE)
        signature = self.keyring.sign(leader, bare.signed_by(leader).digest(CHAIN))
        made = Propose(header, body, view, certificate, justify, signature)
        self.see(made)
        return made

    def betray(self) -> None:
        """One traitor's deed."""
        view = self.rng.choice([n.machine.view for n in self.nodes.values()])
        deed = self.rng.choice(self.deeds)
        if deed == 0:
            self.propose_twice(view)
        elif deed == 1 and self.certificates:
            self.certify(self.rng.choice(list(self.nodes)))
        elif deed == 2:
            self.vote_along()
        elif deed == 3 and (made := self.close(view)):
            self.plant(self.traitors[0], made, self.some())
        elif deed == 4:
            prepared = [c for s, c in self.certificates.items() if s[0] == PREPARE]
            traitor = self.rng.choice(self.traitors)
            lie = self.lie(traitor, view, self.rng.choice([None, *prepared]))
            self.plant(traitor, lie, self.some())

    def propose_twice(self, view: int) -> None:
        """One proposal to some, often another to the rest."""
        targets = self.some()
        rest = [i for i in self.nodes if i not in targets]
        if first := self.propose(view):
            self.plant(self.leader(view), first, targets)
            if rest and self.rng.random() < 0.6 and (second := self.propose(view)):
                self.plant(self.leader(view), second, rest)

    def certify(self, target: int) -> None:
        """Show one node a certificate, mostly one of its view."""
        view = self.nodes[target].machine.view
        known = [c for c in self.certificates.values() if not self.spreads(c)]
        mine = self.nodes[target].machine._m.at.candidates
        fresh = [
            c for c in known if c.view == view and (self.rng.random() < 0.3 or c.block in mine)
        ]
        if known:
            self.plant(self.traitors[0], self.rng.choice(fresh or known), [target])

    def spreads(self, message: Message) -> bool:
        """Whether it would lead more nodes to what one has decided, which spoils a fork."""
        decided = self.monitor.decided.get(HEIGHT)
        if not self.secretive or decided is None:
            return False
        match message:
            case Certificate(block=block) | Vote(block=block):
                return block == decided
            case Propose(header=header):
                return header.id == decided
            case Timeout(best=best):
                return any(b.block == decided for b in best)
            case _:
                return False

    def vote_along(self) -> None:
        """Vote for everything anyone proposed or voted for."""
        subjects = list(self.votes)
        for p in self.proposals[-3:]:
            subjects.append((PREPARE, p.view, p.header.id, p.justify))
            subjects.append((COMMIT, p.view, p.header.id, NO_HASH))
        kind, view, block, justify = self.rng.choice(subjects or [(PREPARE, 0, NO_HASH, NO_HASH)])
        for traitor in self.traitors:
            empty = Vote(kind, 0, HEIGHT, view, block, justify, traitor, NO_SIGNATURE)
            vote = self.forge(traitor, empty)
            self.see(vote)
            if self.leader(view) in self.nodes:
                self.plant(traitor, vote, [self.leader(view)])

    def plant(self, source: int, message: Message, targets: list[int]) -> None:
        for target in targets:
            self.deliver(source, target, message)

    def some(self) -> list[int]:
        return [i for i in self.nodes if self.rng.random() < 0.6]

    def __str__(self) -> str:
        return f"{self.attack} traitors {self.traitors}"

    # The scheduler

    def run(self) -> None:
        """All scenes; raises `Violation` with the seed and the trace."""
        try:
            for node in self.nodes.values():
                node.begin()
            self.work()
            for _ in range(self.attack.scenes):
                self.act()
                if isinstance(self.monitor, ForkMonitor) and self.monitor.forked:
                    raise Violation(f"fork at height {HEIGHT}")
        except Violation as broken:
            again = f"\nto see all of it: {self.replay}" if self.replay else ""
            tail = self.monitor.transcript.tail()
            raise Violation(f"{tail}\n{broken}\n{self}{again}") from None

    def act(self) -> None:
        """One move."""
        self.scene()

    def mask(self) -> frozenset[int]:
        draw = self.rng.random()
        everyone = range(self.size)
        if draw < 0.4:
            return frozenset(everyone)
        return frozenset(i for i in everyone if self.rng.random() < draw)

    def few(self) -> frozenset[int]:
        """Mostly one: a decision nobody else hears of is what a fork starts from."""
        draw = self.rng.random()
        if draw < 0.3:
            return frozenset()
        return self.mask() if draw > 0.95 else frozenset([self.rng.randrange(self.size)])

    def scene(self) -> None:
        """About one view: who hears what is drawn, then everything happens in random order."""
        kinds = ("Propose", "PREPARE", "COMMIT", "certificate1", "certificate2", "Timeout", "TC")
        self.masks = {kind: self.mask() for kind in kinds}
        self.masks["certificate2"] = self.few()
        if self.rng.random() < 0.5:
            self.masks["certificate1"] = frozenset(self.some())
        self.deeds = [deed for deed in range(5) if self.rng.random() < 0.6]
        del self.pool[:-150]
        if self.traitors and self.rng.random() < 0.6:
            self.gather()
        zeal = self.rng.choice((0.1, 0.3, 0.5))
        if self.rng.random() < 0.4:
            self.masks["Timeout"] = frozenset()
        self.fire(TimerKind.PROPOSE, 1.0)
        self.fire(TimerKind.VIEW, self.rng.choice((0, 0, 0.5)))
        self.isolated = self.rng.random() < 0.9
        self.helpful = self.rng.random() < 0.7
        patience = self.rng.choice((0.0, 0.02, 0.1))
        for _ in range(60):
            self.fire(TimerKind.PROPOSE, 1.0)
            if self.deeds and self.traitors and self.rng.random() < zeal:
                self.betray()
            if self.attack.crashes and self.rng.random() < 0.06:
                self.crash()
            self.fire(TimerKind.VIEW, patience)
            self.fire(TimerKind.RETRY, 0.01)
            if not self.deliver_one() and not self.traitors:
                break
        if self.attack.crashes and self.rng.random() < 0.3:
            self.crash()
        self.fire(TimerKind.VIEW, self.rng.choice((0.6, 1.0)))
        if self.rng.random() < 0.5:
            self.masks["Timeout"] = self.mask()
        for _ in range(20):
            self.deliver_one()

    def gather(self) -> None:
        """Lead all who have not decided into one view, the better to divide them there."""
        known = [c for c in self.closings if not any(self.spreads(b) for b in c.best)]
        if known:
            latest = max(known, key=lambda c: c.view)
            undecided = [i for i, n in self.nodes.items() if n.final_height < HEIGHT]
            self.plant(self.traitors[0], latest, undecided)

    def allowed(self, source: int, target: int, message: Message) -> bool:
        if self.spreads(message):
            return False
        done = source in self.nodes and self.nodes[source].final_height >= HEIGHT
        if done and self.isolated:
            return False
        match message:
            case Vote(kind=kind):
                return source in self.masks[Step(kind).name]
            case Certificate(kind=kind):
                return target in self.masks[f"certificate{kind}"]
            case Timeout():
                return source in self.masks["Timeout"]
            case TimeoutCertificate():
                return target in self.masks["TC"]
            case Propose():
                return target in self.masks["Propose"] and message.header.height == HEIGHT
            case _:
                return True

    def deliver_one(self) -> bool:
        ready = [i for i, letter in enumerate(self.pool) if self.allowed(*letter)]
        if not ready:
            return False
        self.deliver(*self.pool.pop(self.rng.choice(ready[-12:])))
        return True

    def deliver(self, source: int, target: int, message: Message) -> None:
        self.monitor.transcript.message(self.now, source, target, message)
        sender = self.keyring.validators.validators[source].node
        self.nodes[target].handle(Received(sender, message))
        self.work()

    def fire(self, kind: TimerKind, chance: float) -> None:
        for index, node in self.nodes.items():
            timer, at = self.timers.get((index, kind), (None, 0))
            if timer is None or timer.height != HEIGHT or self.rng.random() >= chance:
                continue
            if timer.view != node.machine.view or node.final_height >= HEIGHT:
                continue
            del self.timers[index, kind]
            self.now = max(self.now, at)
            if kind == TimerKind.VIEW:
                self.note(f"node {index} view timer {timer.view}")
            node.handle(TimerFired(timer))
            self.work()

    def crash(self, node: Node | None = None) -> None:
        node = node or self.rng.choice(list(self.nodes.values()))
        self.note(f"node {node.index} restarts")
        node.crash()
        if self.attack.amnesia:
            node.journal = Journal()
        node.restart()
        self.work()

    def reunite(self) -> frozenset[int]:
        """The honest talk to one another again, the traitors have fallen silent; whom they blame.

        What they say is what they say in the normal course: who connects tells its last final
        block, timers fire, everything arrives.
        """
        self.secretive = self.isolated = self.helpful = False
        self.pool.clear()
        for _ in range(8):
            for source, target in permutations(self.nodes, 2):
                self.deliver(source, target, self.nodes[source].machine.status)
            while self.pool:
                self.deliver(*self.pool.pop(0))
        return self.monitor.guilty
