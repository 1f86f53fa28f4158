"""Nodes in one process: each a sync machine with a chain behind it, joined by queues we control."""

from __future__ import annotations

from collections import deque

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.events import (
    Action,
    Broadcast,
    Event,
    Joined,
    KeepBlock,
    KeepHeaders,
    Left,
    Made,
    Match,
    Matched,
    Penalise,
    Received,
    Refused,
    Send,
    Serve,
    ServeCompact,
    ServeTransactions,
    Switch,
    Switched,
    Tick,
)
from bystack.mainchain.messages import BlockMessage, BlockTransactions, MainMessage, Missing
from bystack.mainchain.params import Params
from bystack.mainchain.sync.compact import compact, match
from bystack.mainchain.sync.machine import Sync
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, Person
from tests.mainchain.builders import EASY, Chain, child, entry_of

SALT = bytes(8)


class SimNode:
    """A driver in miniature: performs what the machine says, as the daemon's role does."""

    def __init__(self, name: bytes, params: Params = EASY) -> None:
        self.name = name
        self.chain = Chain(params)
        self.sync = Sync(self.chain.tree, self.chain.tip.id)
        self.out: deque[tuple[bytes | None, MainMessage]] = deque()
        self.penalties: list[tuple[bytes, int, str]] = []
        self.bad: set[bytes] = set()
        self.kept: set[bytes] = set()
        self.switches: list[Switch] = []
        self.pool: list[Transaction] = []

    def handle(self, event: Event, now: int) -> None:
        queue = deque(self.sync.handle(event, now))
        while queue:
            queue.extend(self.perform(queue.popleft(), now))

    def perform(self, action: Action, now: int) -> list[Action]:
        match action:
            case Send(peer, message):
                self.out.append((peer, message))
            case Broadcast(message):
                self.out.append((None, message))
            case Serve(peer, ids):
                self.serve(peer, ids)
            case ServeCompact(peers, id):
                self.out.extend((one, compact(self.chain.blocks[id], SALT)) for one in peers)
            case ServeTransactions(peer, id, positions):
                chosen = tuple(self.chain.blocks[id].transactions[at] for at in positions)
                self.out.append((peer, BlockTransactions(id, chosen)))
            case Match(peer, block):
                found = match(block, self.pool)
                return self.sync.handle(Matched(peer, block.header.id, found), now)
            case KeepHeaders(entries):
                self.kept |= {entry.id for entry in entries}
            case KeepBlock(block):
                assert block.id in self.kept  # headers are stored first
                self.chain.blocks[block.id] = block
            case Penalise():
                self.penalties.append(tuple(action))
            case Switch():
                return self.switch(action, now)
        return []

    def serve(self, peer: bytes, ids: tuple[bytes, ...]) -> None:
        lacking = tuple(id for id in ids if id not in self.chain.blocks)
        for id in ids:
            if id not in lacking:
                self.out.append((peer, BlockMessage((self.chain.blocks[id],))))
        if lacking:
            self.out.append((peer, Missing(lacking)))

    def switch(self, switch: Switch, now: int) -> list[Action]:
        self.switches.append(switch)
        back = [self.chain.blocks[id] for id in reversed(switch.disconnect)]
        for _ in switch.disconnect:
            self.chain.disconnect()
        done = 0
        try:
            for id in switch.connect:
                self.chain.connect(self.chain.blocks[id])
                done += 1
        except Invalid as error:
            for _ in range(done):  # one batch or none of it
                self.chain.disconnect()
            for block in back:
                self.chain.connect(block)
            return self.sync.handle(Refused(switch.connect[done], error), now)
        return self.sync.handle(Switched(), now)

    def mine(self, count: int, now: int, miner: Person = ALICE, step: int = 0) -> list[Block]:
        made = []
        for _ in range(count):
            time = self.sync.tip.header.time + step if step else 0
            block = child(self.sync.tip, miner=miner, params=self.chain.params, time=time)
            made.append(block)
            self.handle(Made(block), now)
        return made


class Network:
    """Links between nodes; a message is lost when its link is cut, and late when it is slow."""

    def __init__(self, *names: bytes, params: Params = EASY) -> None:
        self.nodes = {name: SimNode(name, params) for name in names}
        self.links: set[tuple[bytes, bytes]] = set()
        self.mute: set[bytes] = set()
        self.now = 10**10

    def __getitem__(self, name: bytes) -> SimNode:
        return self.nodes[name]

    def join(self, one: bytes, other: bytes) -> None:
        self.run()  # what was said before is not heard
        self.links |= {(one, other), (other, one)}
        self[one].handle(Joined(other), self.now)
        self[other].handle(Joined(one), self.now)

    def part(self, one: bytes, other: bytes) -> None:
        self.links -= {(one, other), (other, one)}
        self[one].handle(Left(other), self.now)
        self[other].handle(Left(one), self.now)

    def run(self) -> int:
        """Deliver until nothing is on its way; the number of messages."""
        count = 0
        while any(node.out for node in self.nodes.values()):
            for node in self.nodes.values():
                for _ in range(len(node.out)):
                    count += self.deliver(node.name, *node.out.popleft())
            assert count < 100_000
        return count

    def deliver(self, sender: bytes, peer: bytes | None, message: MainMessage) -> int:
        targets = [other for name, other in sorted(self.links) if name == sender]
        count = 0
        for other in targets if peer is None else [peer]:
            if (sender, other) in self.links and sender not in self.mute:
                self[other].handle(Received(sender, message), self.now)
                count += 1
        return count

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            for node in self.nodes.values():
                node.handle(Tick(), self.now)

    def tips(self) -> set[bytes]:
        return {node.chain.tip.id for node in self.nodes.values()}


__all__ = ["Network", "SimNode", "entry_of"]
