"""Many machines, a network that delays, drops and cuts, and villains: the best valid chain wins.

No clock and no socket: one heap of events, and a seed reproduces a run.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from bystack.mainchain.blocks import Block
from bystack.mainchain.events import (
    Action,
    Broadcast,
    Joined,
    Left,
    Made,
    Penalise,
    Received,
    Send,
    Switch,
    Tick,
)
from bystack.mainchain.messages import Announce, MainMessage, Status
from bystack.mainchain.sync import window
from tests.ledger.people import CAROL
from tests.mainchain.builders import LATE, child, entry_of
from tests.mainchain.network import SimNode
from tests.mainchain.sync.villains import Villain, catalogue, world

SECONDS = 420
SEEDS = 200


class Honest(SimNode):
    """A node whose switches take time, and that remembers how many headers villains may add."""

    def __init__(self, name: bytes, sim: Simulation) -> None:
        super().__init__(name)
        self.sim = sim

    def perform(self, action: Action, now: int) -> list[Action]:
        match action:
            case Send(peer, message):
                self.sim.send(self.name, peer, message)
            case Broadcast(message):
                for peer in self.sim.peers(self.name):
                    self.sim.send(self.name, peer, message)
            case Penalise(peer, points, reason):
                self.sim.penalise(self.name, peer, points, reason)
            case Switch():
                self.sim.later(self.sim.rng.choice((0, 0, 1, 5)), lambda: self.finish(action))
            case _:
                more = super().perform(action, now)
                while self.out:  # what serving puts there
                    to, message = self.out.popleft()
                    assert to is not None
                    self.sim.send(self.name, to, message)
                return more
        return []

    def finish(self, switch: Switch) -> None:
        for action in self.switch(switch, self.sim.now):
            for more in self.perform(action, self.sim.now):
                self.perform(more, self.sim.now)


class Simulation:
    """Honest nodes and villains on one heap."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"sync {seed}")
        self.now, self.number = LATE, 0
        self.heap: list[tuple[int, int, Callable[[], None]]] = []
        self.free: dict[tuple[bytes, bytes], int] = {}
        self.links: set[tuple[bytes, bytes]] = set()
        self.lives: Counter[tuple[bytes, bytes]] = Counter()
        self.banned: set[tuple[bytes, bytes]] = set()
        self.mined = 0
        self.points: Counter[tuple[bytes, bytes]] = Counter()
        self.reasons: Counter[str] = Counter()
        count = self.rng.randint(2, 4)
        self.nodes = {b"h%d" % number: Honest(b"h%d" % number, self) for number in range(count)}
        kinds = catalogue()
        chosen = self.rng.sample(sorted(kinds), self.rng.randint(1, 3))
        self.villains: dict[bytes, Villain] = {kind.encode(): kinds[kind]() for kind in chosen}
        self.met: set[tuple[bytes, bytes]] = set()

    # What nodes have to begin with

    def begin(self) -> None:
        known = world()
        everyone = sorted(self.nodes)
        for name in everyone[1:]:
            blocks = self.rng.choice((known.best, known.lesser))
            self.give(name, blocks[: self.rng.choice((0, 5, len(known.lesser)))])
        self.give(everyone[0], known.best)  # somebody has it
        for one in everyone:
            for other in (*everyone, *self.villains):
                if one < other or other in self.villains:
                    self.later(self.rng.randint(0, 20), lambda o=one, t=other: self.join(o, t))
        for second in range(1, SECONDS):
            self.later(second, self.tick)
        for second in (60, 75, 110):
            self.later(second, lambda: self.mine(self.rng.choice(everyone), 1))
        self.later(300, lambda: self.mine(everyone[0], 4))  # more than any fork of these

    def mine(self, name: bytes, count: int) -> None:
        """New blocks on a node's tip, wherever that is."""
        node, parent = self.nodes[name], self.nodes[name].sync.tip
        for _ in range(count):
            block = child(parent, miner=CAROL, extra=name)
            node.handle(Made(block), self.now)
            parent = entry_of(node.sync.tree, block)
            self.mined += 1

    def give(self, name: bytes, blocks: tuple[Block, ...]) -> None:
        """A node that has these blocks from before."""
        node = self.nodes[name]
        for block in blocks:
            node.chain.tree.add([block.header], None)
            node.chain.connect(block)
        node.sync = type(node.sync)(node.chain.tree, node.chain.tip.id)
        node.kept = {block.id for block in blocks}

    # The network

    def later(self, seconds: int, work: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.heap, (self.now + seconds, self.number, work))

    def peers(self, name: bytes) -> list[bytes]:
        return sorted(other for one, other in self.links if one == name)

    def join(self, one: bytes, other: bytes) -> None:
        if (one, other) in self.links or (one, other) in self.banned:
            return
        self.links |= {(one, other), (other, one)}
        self.met.add((one, other))
        self.lives += Counter([(one, other), (other, one)])
        for here, there in ((one, other), (other, one)):
            if here in self.nodes:
                self.nodes[here].handle(Joined(there), self.now)
            else:
                self.speak(here, there, self.villains[here].hello())

    def part(self, one: bytes, other: bytes) -> None:
        if (one, other) in self.links:
            self.links -= {(one, other), (other, one)}
            for here, there in ((one, other), (other, one)):
                if here in self.nodes:
                    self.nodes[here].handle(Left(there), self.now)

    def speak(self, villain: bytes, peer: bytes, messages: list[MainMessage]) -> None:
        for message in messages:
            self.send(villain, peer, message, self.villains[villain].delay)

    def send(self, sender: bytes, to: bytes, message: MainMessage, delay: int = 0) -> None:
        """In order on each link, some late; news may be lost, as in a full queue."""
        if isinstance(message, Status | Announce) and self.rng.random() < 0.1:
            return
        at = max(
            self.now + delay + self.rng.choice((0, 0, 0, 1, 2)), self.free.get((sender, to), 0)
        )
        self.free[sender, to] = at
        life = self.lives[sender, to]
        self.later(at - self.now, lambda: self.deliver(sender, to, message, life))

    def deliver(self, sender: bytes, to: bytes, message: MainMessage, life: int) -> None:
        if (sender, to) not in self.links or life != self.lives[sender, to]:
            return
        if to in self.villains:
            self.villains[to].peer = sender
            return self.speak(to, sender, self.villains[to].answer(message))
        self.nodes[to].handle(Received(sender, message, 300), self.now)

    def penalise(self, by: bytes, peer: bytes, points: int, reason: str) -> None:
        assert peer in self.villains, f"honest {peer!r} was blamed: {reason}"
        self.reasons[reason] += 1
        self.points[by, peer] += points
        if self.points[by, peer] >= 100:
            self.banned.add((by, peer))
            self.later(0, lambda: self.part(by, peer))

    def tick(self) -> None:
        for node in self.nodes.values():
            node.handle(Tick(), self.now)
            self.bounded(node)
        if self.met and self.rng.random() < 0.02:  # a link is cut and made again
            one, other = self.rng.choice(sorted(self.met))
            self.part(one, other)
            self.later(self.rng.randint(1, 10), lambda: self.join(one, other))
        if self.now % 30 == 0:
            for villain in self.villains:
                for peer in self.peers(villain):
                    self.villains[villain].peer = peer
                    self.speak(villain, peer, self.villains[villain].nag())

    def bounded(self, node: Honest) -> None:
        """Nothing that peers can fill grows beyond its bound."""
        sync: Any = node.sync
        assert sync._window.in_flight <= window.IN_FLIGHT * len(sync._peers)
        assert all(len(load.late) <= window.LATE for load in sync._window._loads.values())
        plan = sync._switching
        assert plan.lacking <= max(plan.next + window.AHEAD, plan.gain + 1)
        assert sync._headers.surveyed <= 20 and len(sync._news._fillings) <= 8
        every = len(world().best) + len(world().lesser) + len(world().evil)
        assert len(sync.tree) <= every + self.mined + 20

    def run(self) -> None:
        self.begin()
        while self.heap:
            self.now, _, work = heapq.heappop(self.heap)
            work()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so small that a short chain meets them."""
    rules = "bystack.mainchain.sync"
    for module in ("headers", "answers"):
        monkeypatch.setattr(f"{rules}.{module}.MAX_HEADERS", 8)
    monkeypatch.setattr(f"{rules}.worth.NEAR", 16)
    monkeypatch.setattr(f"{rules}.window.AHEAD", 12)
    monkeypatch.setattr(f"{rules}.window.IN_FLIGHT", 6)
    monkeypatch.setattr(f"{rules}.window.MAX_BLOCKS", 3)
    monkeypatch.setattr(f"{rules}.news.WORTH", 1)
    monkeypatch.setattr("bystack.mainchain.switching.BATCH", 4)


@pytest.mark.parametrize("part", range(8))
def test_every_honest_node_ends_at_the_best_valid_chain_and_liars_are_dropped(part: int) -> None:
    reasons: Counter[str] = Counter()
    out: Counter[bytes] = Counter()
    for seed in range(part, SEEDS, 8):
        sim = Simulation(seed)
        sim.run()
        tips = {node.chain.tip.id for node in sim.nodes.values()}
        heights = [node.chain.tip.header.height for node in sim.nodes.values()]
        assert len(tips) == 1 and heights[0] >= len(world().best) + 4, (seed, heights)
        kept = [node.chain.coins.image() for node in sim.nodes.values()]
        assert all(coins == kept[0] for coins in kept), seed
        reasons += sim.reasons
        for name, villain in sim.villains.items():
            for peer, lies in villain.lies.items():
                gone = (peer, name) in sim.banned
                assert gone or not villain.enough or lies < villain.enough, (seed, name, lies)
        out += Counter(name for _, name in sim.banned)
    assert len(reasons) >= 8, reasons
    assert len(out) >= 6, out
