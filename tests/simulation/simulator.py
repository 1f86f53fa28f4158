"""A seeded discrete-event network on one heap: delays, drops, duplicates, partitions, crashes.

After `settle` ms the network is kind: nothing is lost, delays are short, nobody crashes; then
every honest node must finalise `heights` more blocks. A failing run prints its seed and trace.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from bystack.sidechain.consensus.events import Config, Input, Received, Timer, TimerFired
from bystack.sidechain.consensus.messages import Message
from tests.simulation.byzantine import BEHAVIOURS, Byzantine
from tests.simulation.harness import Monitor, Node, Violation, describe
from tests.simulation.schemes import Keyring

CONFIG = Config(interval=100, empty_interval=100, tau0=300, fallback=80)


@dataclass(frozen=True)
class Plan:
    """What a run is subjected to."""

    seed: int
    drop: float = 0.1
    duplicate: float = 0.05
    slow: float = 40
    crashes: int = 2
    partitions: int = 2
    behaviour: str = ""
    settle: int = 2_500
    heights: int = 3
    limit: int = 120_000
    blackout: bool = False


def plan_of(seed: int, heights: int = 3) -> Plan:
    """A plan drawn from a seed: calm, lossy, slow, with and without one Byzantine."""
    rng = random.Random(f"plan {seed}")
    behaviour = rng.choice(("", *BEHAVIOURS)) if rng.random() < 0.85 else ""
    return Plan(
        seed,
        drop=rng.choice((0, 0.05, 0.2, 0.4)),
        duplicate=rng.choice((0, 0.1)),
        slow=rng.choice((5, 40, 150)),
        crashes=rng.choice((0, 1, 3)),
        partitions=rng.choice((0, 1, 3)),
        behaviour=behaviour,
        settle=rng.choice((500, 1_500, 3_000)),
        heights=heights,
    )


@dataclass
class Simulation:
    """n nodes, one heap, one clock."""

    keyring: Keyring
    plan: Plan
    config: Config = CONFIG
    now: int = 0
    messages: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    heap: list[tuple[int, int, int, int, Callable[[], None]]] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(f"network {self.plan.seed}")
        size = len(self.keyring.validators)
        traitors = {self.rng.randrange(size)} if self.plan.behaviour else set()
        self.monitor = Monitor(self.keyring, frozenset(range(size)) - traitors)
        self.nodes: list[Node] = []
        for index in range(size):
            kind = Byzantine if index in traitors else Node
            node = kind(self, self.monitor, self.keyring, index, self.config, self.plan.seed)
            if isinstance(node, Byzantine):
                node.behaviour = self.plan.behaviour
            self.nodes.append(node)
        self.honest = [n for n in self.nodes if n.honest]
        self.cuts = [self._cut() for _ in range(self.plan.partitions)]
        for _ in range(self.plan.crashes):
            self._plan_crash()
        for node in self.nodes if self.plan.blackout else ():
            self._crash_between(node, self.plan.settle - 10, self.plan.settle)

    def _cut(self) -> tuple[int, int, frozenset[int]]:
        start = self.rng.randrange(self.plan.settle)
        side = frozenset(n.index for n in self.nodes if self.rng.random() < 0.5)
        return start, start + self.rng.randrange(100, 1_500), side

    def _plan_crash(self) -> None:
        node = self.rng.choice(self.nodes)
        at = self.rng.randrange(self.plan.settle)
        back = min(at + self.rng.randrange(10, 1_000), self.plan.settle)
        self._crash_between(node, at, back)

    def _crash_between(self, node: Node, at: int, back: int) -> None:
        self.push(at, node, lambda: node.alive and self._crash(node), life=-1)
        self.push(back, node, lambda: node.alive or self._restart(node), life=-1)

    def _crash(self, node: Node) -> None:
        self.note(f"node {node.index} crashes")
        node.crash()

    def _restart(self, node: Node) -> None:
        self.note(f"node {node.index} restarts at height {node.final_height}")
        node.restart()

    def note(self, text: str) -> None:
        self.monitor.trace.append(f"{self.now:7d} {text}")

    def push(
        self, at: int, node: Node, action: Callable[[], object], life: int | None = None
    ) -> None:
        self.count += 1
        alive = node.life if life is None else life
        heapq.heappush(self.heap, (at, self.count, node.index, alive, action))  # type: ignore[arg-type]

    @property
    def settled(self) -> bool:
        return self.now >= self.plan.settle

    def send(self, source: int, target: int, message: Message) -> None:
        self.messages += 1
        name = type(message).__name__
        self.by_kind[name] = self.by_kind.get(name, 0) + 1
        if self._lost(source, target):
            return
        copies = 1 if self.settled or self.rng.random() > self.plan.duplicate else 2
        for _ in range(copies):
            self._carry(source, target, message)

    def _carry(self, source: int, target: int, message: Message) -> None:
        mean = 5 if self.settled else self.plan.slow
        at = self.now + 1 + int(self.rng.expovariate(1 / mean))
        node = self.nodes[target]
        sender = self.keyring.validators.validators[source].node
        text = f"{source} -> {target} {describe(message)}"

        def arrive() -> None:
            self.note(text)
            node.handle(Received(sender, message))

        self.push(at, node, arrive, life=-1)

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
        delay = 1 if kind == "work" else 1 + int(self.rng.expovariate(1 / 2))
        self.push(self.now + delay, node, lambda: node.handle(event))

    def run(self) -> None:
        """To the end, or a `Violation` that names the seed and shows the last of the trace."""
        try:
            self._run()
        except Violation as broken:
            tail = "\n".join(self.monitor.trace[-60:])
            raise Violation(f"{broken}\n{self.plan}\n{tail}") from None

    def _run(self) -> None:
        for node in self.nodes:
            node.begin()
        goal = -1
        while goal < 0 or any(n.final_height < goal for n in self.honest):
            if not self.heap or self.now > self.plan.limit:
                raise Violation(f"stalled: {[n.final_height for n in self.nodes]}, goal {goal}")
            self._step()
            if goal < 0 and self.settled:
                goal = max(n.final_height for n in self.honest) + self.plan.heights

    def _step(self) -> None:
        self.now, _, index, life, action = heapq.heappop(self.heap)
        if life in (-1, self.nodes[index].life):
            action()
