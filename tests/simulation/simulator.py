"""A seeded discrete-event network on one heap: delays, drops, duplicates, partitions, crashes.

After `settle` ms the network is kind: nothing is lost, delays are short, nobody crashes; then
every honest node must finalise `heights` more blocks within `liveness_bound`. A failing run prints
its seed, who said what to whom, and the command that plays it again.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bystack.sidechain.consensus.events import Config, Input, Received, Timer, TimerFired
from bystack.sidechain.consensus.messages import Message
from bystack.sidechain.consensus.rounds import view_timeout
from tests.simulation.byzantine import BEHAVIOURS, Byzantine
from tests.simulation.eras import CHAIN, LEAST, Schedule
from tests.simulation.harness import Node
from tests.simulation.monitor import Monitor, Violation
from tests.simulation.schemes import Keyring

CONFIG = Config(interval=100, empty_interval=100, tau0=300, fallback=80)
KIND = 40
"""The longest delay of anything once the network has settled, ms."""


@dataclass(frozen=True)
class Plan:
    """What a run is subjected to. `epoch`: heights of an epoch, 0 for one that never ends."""

    seed: int
    drop: float = 0.1
    duplicate: float = 0.05
    slow: float = 40
    disk: float = 2
    crashes: int = 2
    losses: int = 0
    partitions: int = 2
    behaviour: str = ""
    traitors: int = 1
    epoch: int = 0
    gateways: int = 1
    settle: int = 2_500
    heights: int = 3
    limit: int = 120_000
    blackout: bool = False


def plan_of(seed: int, heights: int = 3) -> Plan:
    """A plan drawn from a seed: calm, lossy, slow, with and without Byzantine nodes."""
    rng = random.Random(f"plan {seed}")
    behaviour = rng.choice(("", *BEHAVIOURS)) if rng.random() < 0.85 else ""
    return Plan(
        seed,
        drop=rng.choice((0, 0.05, 0.2, 0.4)),
        duplicate=rng.choice((0, 0.1)),
        slow=rng.choice((5, 40, 150)),
        disk=rng.choice((1, 2, 30)),
        crashes=rng.choice((0, 1, 3)),
        losses=rng.choice((0, 0, 0, 1)) if not behaviour else 0,
        partitions=rng.choice((0, 1, 3)),
        behaviour=behaviour,
        traitors=rng.choice((1, 2)),
        epoch=rng.choice((0, 0, 3, 5)),
        gateways=rng.choice((1, 1, 2, 3, 400)),
        settle=rng.choice((500, 1_500, 3_000)),
        heights=heights,
    )


def traitors_of(keyring: Keyring, plan: Plan) -> frozenset[int]:
    """Up to `plan.traitors` with less than a third of the weight, if the plan has a behaviour."""
    rng, size = random.Random(f"traitors {plan.seed}"), len(keyring.validators)
    chosen: set[int] = set()
    for index in rng.sample(range(size), size) if plan.behaviour else ():
        weight = keyring.validators.weight_of([*chosen, index])
        if len(chosen) < plan.traitors and 3 * weight < keyring.validators.total:
            chosen.add(index)
    return frozenset(chosen)


def liveness_bound(config: Config, plan: Plan, size: int, view: int) -> int:
    """Within how many ms of settling every honest node has `plan.heights` more blocks, at most.

    `view` is the highest view anyone was in, `f` how many may be Byzantine or gone. Everything
    takes a turn of `hop`: message, work and disk. Those behind catch up in `turn`: they say TIMEOUT
    every tau0, are answered at most every tau0, and ask another node every tau0. The views then
    left are at most the current one, one where not everybody votes because the last were not in
    it, and f whose leaders do not lead. Later heights begin in view 0.
    """
    f, hop = (size - 1) // 3, 2 * KIND
    turn = 4 * config.tau0 + 8 * hop

    def views(first: int, count: int) -> int:
        return sum(view_timeout(config.tau0, first + n) + 8 * hop for n in range(count))

    each = config.empty_interval + views(0, f + 1) + 8 * hop + config.tau0
    catching_up = plan.heights * (config.tau0 + 4 * hop)
    return turn + views(view, f + 3) + plan.heights * each + catching_up


@dataclass
class Simulation:
    """n nodes, one heap, one clock."""

    keyring: Keyring
    plan: Plan
    config: Config = CONFIG
    replay: str = ""
    chain: bytes = CHAIN
    nodes_of: type[Node] = Node
    now: int = 0
    messages: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    heap: list[tuple[int, int, int, int, Callable[[], object]]] = field(default_factory=list)
    count: int = 0
    deadline: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(f"network {self.plan.seed}")
        size, plan = len(self.keyring.validators), self.plan
        traitors = traitors_of(self.keyring, plan)
        self.config = replace(self.config, gateways=plan.gateways)
        self.schedule = Schedule(
            self.keyring, self.config, plan.epoch, plan.seed, traitors, self.chain
        )
        self.monitor = Monitor(self.schedule, frozenset(range(size)) - traitors)
        self.nodes = [self._node(index, index in traitors) for index in range(size)]
        self.honest = [n for n in self.nodes if n.honest]
        self.cuts = [self._cut() for _ in range(plan.partitions)]
        for _ in range(plan.crashes):
            self._plan_crash(self.rng.choice(self.nodes))
        for _ in range(plan.losses):
            self._plan_crash(self.rng.choice(self._spared()), True)
        for node in self.nodes if plan.blackout else ():
            self._crash_between(node, plan.settle - 10, plan.settle)

    def _node(self, index: int, traitor: bool) -> Node:
        kind = Byzantine if traitor else self.nodes_of
        node = kind(self, self.monitor, index, self.plan.seed)
        if isinstance(node, Byzantine):
            node.behaviour = self.plan.behaviour
        return node

    def _spared(self) -> list[Node]:
        """The honest without whom there is a quorum in every set that may be drawn: one who lost
        its journal abstains, and with a third of the weight the chain would rightly halt.
        """
        weights = [one.weight for one in self.keyring.validators.validators]
        least = sum(sorted(weights)[:LEAST]) if self.plan.epoch else sum(weights)
        return [node for node in self.honest if 3 * weights[node.index] < least]

    def _cut(self) -> tuple[int, int, frozenset[int]]:
        start = self.rng.randrange(self.plan.settle)
        side = frozenset(n.index for n in self.nodes if self.rng.random() < 0.5)
        return start, start + self.rng.randrange(100, 1_500), side

    def _plan_crash(self, node: Node, lose: bool = False) -> None:
        at = self.rng.randrange(self.plan.settle)
        back = min(at + self.rng.randrange(10, 1_000), self.plan.settle)
        self._crash_between(node, at, back, lose)

    def _crash_between(self, node: Node, at: int, back: int, lose: bool = False) -> None:
        self.push(at, node, lambda: self._crash(node, lose), life=-1)
        self.push(back, node, lambda: self._restart(node), life=-1)

    def _crash(self, node: Node, lose: bool) -> None:
        if not node.alive:
            return
        self.note(f"node {node.index} crashes{' and loses its journal' if lose else ''}")
        node.crash(lose)

    def _restart(self, node: Node) -> None:
        if node.alive:
            return
        self.note(f"node {node.index} restarts at height {node.final_height}")
        node.restart()

    def note(self, text: str) -> None:
        self.monitor.transcript.note(self.now, text)

    def push(
        self, at: int, node: Node, action: Callable[[], object], life: int | None = None
    ) -> None:
        self.count += 1
        alive = node.life if life is None else life
        heapq.heappush(self.heap, (at, self.count, node.index, alive, action))

    @property
    def settled(self) -> bool:
        return self.now >= self.plan.settle

    def send(self, source: int, target: int, message: Message, wait: int = 0) -> None:
        self.messages += 1
        name = type(message).__name__
        self.by_kind[name] = self.by_kind.get(name, 0) + 1
        if self._lost(source, target):
            return
        copies = 1 if self.settled or self.rng.random() > self.plan.duplicate else 2
        for _ in range(copies):
            self._carry(source, target, message, wait)

    def _carry(self, source: int, target: int, message: Message, wait: int) -> None:
        at = self.now + 1 + wait + self._delay(self.plan.slow)
        node = self.nodes[target]
        sender = self.keyring.validators.validators[source].node

        def arrive() -> None:
            self.monitor.transcript.message(self.now, source, target, message)
            node.handle(Received(sender, message))

        self.push(at, node, arrive, life=-1)

    def _delay(self, mean: float) -> int:
        """Once the network has settled nothing takes more than `KIND`."""
        drawn = int(self.rng.expovariate(1 / (5 if self.settled else mean)))
        return min(drawn, KIND) if self.settled else drawn

    def _lost(self, source: int, target: int) -> bool:
        if self.settled:
            return False
        apart = any(
            start <= self.now < end and (source in side) != (target in side)
            for start, end, side in self.cuts
        )
        return apart or self.rng.random() < self.plan.drop

    def timer(self, node: Node, timer: Timer, at: int) -> None:
        self.push(max(at, self.now), node, lambda: node.handle(TimerFired(timer)))

    def answer(self, node: Node, event: Input, kind: str) -> None:
        delay = 1 if kind == "work" else 1 + self._delay(self.plan.disk)
        self.push(self.now + delay, node, lambda: node.handle(event))

    @property
    def described(self) -> str:
        """What the run is subjected to, and which nodes betray."""
        return f"{self.plan}; traitors: {[n.index for n in self.nodes if not n.honest]}"

    def run(self) -> None:
        """To the end, or a `Violation` that says how to see it again."""
        try:
            self._run()
        except Violation as broken:
            again = f"\nto see all of it: {self.replay}" if self.replay else ""
            shown = self.monitor.transcript.tail()
            raise Violation(f"{shown}\n{broken}\n{self.described}{again}") from None
        except Exception as error:
            error.add_note(f"{self.monitor.transcript.tail(30)}\n{self.described}\n{self.replay}")
            raise

    def _run(self) -> None:
        for node in self.nodes:
            node.begin()
        goal = -1
        while goal < 0 or any(n.final_height < goal for n in self.honest):
            if not self.heap or (goal >= 0 and self.now > self.deadline):
                heights = [n.final_height for n in self.nodes]
                raise Violation(f"not live: {heights}, wanted {goal} by {self.deadline} ms")
            self._step()
            if goal < 0 and self.settled:
                goal = self._promise()

    def _promise(self) -> int:
        """The network has settled: the height to reach, and `deadline`, by when."""
        view = max(n.machine.view for n in self.honest)
        size = len(self.keyring.validators)
        self.deadline = self.now + liveness_bound(self.config, self.plan, size, view)
        return max(n.final_height for n in self.honest) + self.plan.heights

    def _step(self) -> None:
        self.now, _, index, life, action = heapq.heappop(self.heap)
        if life in (-1, self.nodes[index].life):
            action()


def named(nodes: Sequence[Node]) -> list[int]:
    """The heights nodes have reached."""
    return [n.final_height for n in nodes]
