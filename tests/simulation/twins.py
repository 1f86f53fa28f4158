"""Twins: a Byzantine validator is two honest ones with one key (Bano et al., "Twins: BFT Systems
Made Robust", OPODIS 2021).

Four validators, the first has a twin, so five instances. For each of three views a scenario says
who leads and how the instances are divided in two; a view's words stay on their side until its
timer and another tau0 are over. Then everyone hears everyone, and the honest must agree, go on, and
blame nobody but the twins. No chance is involved: a scenario is its number.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bystack.sidechain.consensus.events import Config, Input, Received, Timer, TimerFired
from bystack.sidechain.consensus.messages import Message, ProposalSeen
from bystack.sidechain.consensus.rounds import view_timeout
from tests.simulation.eras import CHAIN, Schedule
from tests.simulation.harness import Node
from tests.simulation.monitor import Monitor, Violation
from tests.simulation.schemes import Keyring, hash_keyring

CONFIG = Config(interval=20, empty_interval=20, tau0=120, fallback=40)
SIZE, VIEWS, HEIGHTS = 4, 3, 2
HOP, LIMIT = 2, 60_000

LEADERS = SIZE
PARTITIONS = 2**SIZE
"""Five instances in two parts: which of the other four are apart from the first (0: none is)."""
SETTINGS = LEADERS * PARTITIONS
TOTAL = SETTINGS**VIEWS
THIRDS = 8
"""Third views that `covering` tries after two that do not decide."""


@dataclass(frozen=True)
class Scenario:
    """For each view the leader's index, and which instances are on the far side."""

    leaders: tuple[int, ...]
    far: tuple[frozenset[int], ...]

    def __str__(self) -> str:
        sides = [f"{{{','.join(map(str, sorted(far)))}}} apart" for far in self.far]
        views = zip(self.leaders, sides, strict=True)
        told = [f"view {v}: {one} leads, {side}" for v, (one, side) in enumerate(views)]
        return "; ".join([*told, f"{SIZE} is the twin of 0"])


def scenario(number: int) -> Scenario:
    """The scenario of a number below `TOTAL`. Instance 4 is the twin of 0."""
    settings = [number // SETTINGS**view % SETTINGS for view in range(VIEWS)]
    far = tuple(_far(setting // LEADERS) for setting in settings)
    return Scenario(tuple(setting % LEADERS for setting in settings), far)


def _far(bits: int) -> frozenset[int]:
    """The instances on the far side of a partition."""
    return frozenset(i + 1 for i in range(SIZE) if bits >> i & 1)


def decisive(setting: int) -> bool:
    """Whether a view of this setting decides: the leader stands where three of the four stand."""
    far = _far(setting // LEADERS)
    sides = ({i % SIZE for i in side} for side in (far, frozenset(range(SIZE + 1)) - far))
    return any(setting % LEADERS in side and len(side) > SIZE * 2 // 3 for side in sides)


def covering() -> Iterator[int]:
    """2,202 of the 262,144 scenarios: of those that end alike few, of the deep ones many.

    The three validators without a twin are interchangeable, so in view 0 the twins lead or the
    next one does: 32 settings. After a view that decides, later ones hardly matter: one scenario
    for each such first view, one for each two views the second of which is the first to decide. Of
    the others, where three views and more are needed, eight for each first two.
    """
    firsts = [leader + LEADERS * far for far in range(PARTITIONS) for leader in (0, 1)]
    opening = [first for first in firsts if not decisive(first)]
    yield from (first for first in firsts if decisive(first))
    for number, first in enumerate(opening):
        for second in range(SETTINGS):
            count = 1 if decisive(second) else THIRDS
            for step in range(count):
                third = (5 * second + 3 * number + step * (SETTINGS // count)) % SETTINGS
                yield first + SETTINGS * second + SETTINGS**2 * third


class Instance(Node):
    """A node that is told apart from its twin."""

    def __init__(self, world: Twins, monitor: Monitor, index: int, label: int) -> None:
        self.twins, self.label = world, label
        self.honest = index in monitor.honest
        super().__init__(world, monitor, index, label)

    def send(self, index: int, message: Message) -> None:
        self.twins.carry(self, index, message)


@dataclass
class Twins:
    """The instances, a clock, and a network that a scenario divides.

    `doubled` are the validators with a twin; their twins are the instances after the last
    validator, in the same order. `wall`: who is apart from the rest whatever the view.
    """

    keyring: Keyring
    scenario: Scenario
    doubled: tuple[int, ...] = (0,)
    heights: int = HEIGHTS
    chain: bytes = CHAIN
    wall: frozenset[int] = frozenset()
    watched_by: type[Monitor] = Monitor
    replay: str = ""
    now: int = 0
    heap: list[tuple[int, int, Callable[[], object]]] = field(default_factory=list)
    count: int = 0
    opened: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = len(self.keyring.validators)
        self.schedule = Schedule(self.keyring, CONFIG, chain=self.chain)
        self.monitor = self.watched_by(self.schedule, frozenset(range(size)) - {*self.doubled})
        indexes = [*range(size), *self.doubled]
        self.instances = [Instance(self, self.monitor, i, n) for n, i in enumerate(indexes)]
        self.honest = [one for one in self.instances if one.honest]
        for one in self.instances:
            self._lead(one)

    def _lead(self, one: Instance) -> None:
        """At the first height the scenario says who leads; then it is their turn as ever."""
        usual, leaders = one.machine._m.leader, self.scenario.leaders

        def leader(view: int, height: int = -1) -> int:
            at = one.machine._m.round.height if height < 0 else height
            return leaders[view] if at == 1 and view < len(leaders) else usual(view, height)

        one.machine._m.leader = leader  # type: ignore[method-assign]

    # The world's side

    def at(self, time: int, action: Callable[[], object]) -> None:
        self.count += 1
        heapq.heappush(self.heap, (time, self.count, action))

    def timer(self, node: Node, timer: Timer, at: int) -> None:
        self.at(max(at, self.now), lambda: node.handle(TimerFired(timer)))

    def answer(self, node: Node, event: Input, kind: str) -> None:
        self.at(self.now + 1, lambda: node.handle(event))

    def send(self, source: int, target: int, message: Message, wait: int = 0) -> None:
        raise AssertionError("instances send by `carry`")

    def carry(self, source: Instance, index: int, message: Message) -> None:
        for target in self.instances:
            if target.index == index and not self.apart(source, target, message):
                self.at(self.now + HOP, lambda one=target: self._arrive(source, one, message))

    def _arrive(self, source: Instance, target: Instance, message: Message) -> None:
        self.monitor.transcript.message(self.now, source.label, target.label, message)
        sender = self.keyring.validators.validators[source.index].node
        target.handle(Received(sender, message))

    def apart(self, source: Instance, target: Instance, message: Message) -> bool:
        """Whether the view a message belongs to is divided between the two, and still is."""
        if self.wall:
            return (source.label in self.wall) != (target.label in self.wall)
        machine = source.machine
        view = message.proposal.view if isinstance(message, ProposalSeen) else machine.view
        view = getattr(message, "view", view)
        if machine.height != 1 or view >= len(self.scenario.far):
            return False
        since = self.opened.setdefault(view, self.now)
        far = self.scenario.far[view]
        over = self.now > since + view_timeout(CONFIG.tau0, view) + CONFIG.tau0
        return not over and (source.label in far) != (target.label in far)

    def run(self) -> Twins:
        """Until every honest instance has `heights` blocks, or a `Violation`."""
        try:
            self._run()
        except Violation as broken:
            again = f"\nto see all of it: {self.replay}" if self.replay else ""
            shown = self.monitor.transcript.tail()
            raise Violation(f"{shown}\n{broken}\n{self.scenario}{again}") from None
        return self

    def _run(self) -> None:
        for one in self.instances:
            one.begin()
        while any(one.final_height < self.heights for one in self.honest):
            if not self.heap or self.now > LIMIT:
                raise Violation(f"not live: {[one.final_height for one in self.instances]}")
            self.step()

    def step(self) -> None:
        """The next event."""
        self.now, _, action = heapq.heappop(self.heap)
        action()


def play(number: int) -> Twins:
    """A scenario by its number."""
    return numbered(number).run()


def numbered(number: int) -> Twins:
    """The instances of a scenario, which a violation tells how to see again."""
    replay = f"python -m tests.simulation.replay --twins {number}"
    return Twins(hash_keyring(SIZE), scenario(number), replay=replay)
