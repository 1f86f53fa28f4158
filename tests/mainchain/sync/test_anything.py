"""Whatever peers say, in whatever order: the machine never fails, and its books agree."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from bystack.mainchain.actions import RewardExceeded
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.events import (
    Action,
    Event,
    Joined,
    Left,
    Made,
    Match,
    Matched,
    Received,
    Refused,
    Send,
    Switch,
    Switched,
    Tick,
)
from bystack.mainchain.messages import (
    NO_BLOCKS,
    Announce,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    GetBlocks,
    GetBlockTransactions,
    GetCompact,
    GetHeaders,
    Headers,
    MainMessage,
    Missing,
    Status,
    WantCompact,
)
from bystack.mainchain.sync.compact import compact
from bystack.mainchain.sync.machine import Sync
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.codec import MAX_INT
from bystack.primitives.errors import Invalid
from tests.mainchain.builders import EASY, LATE
from tests.mainchain.sync.villains import Villain, world

PEERS = (b"A", b"B", b"C", b"D")
ROUNDS, STEPS = 60, 400


class Anything:
    """A machine, and peers that know every branch there is and have no manners."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"anything {seed}")
        known = world()
        self.branches = (known.best, known.lesser, known.evil, known.poor)
        self.blocks = list({b.id: b for branch in self.branches for b in branch}.values())
        self.bad = {block.id for block in known.evil} - {block.id for block in known.best}
        self.tree = HeaderTree([genesis_entry(EASY)], EASY)
        self.sync = Sync(self.tree, self.tree.first.id)
        self.switch: Switch | None = None
        self.asked: list[tuple[bytes, MainMessage]] = []
        self.said: dict[bytes, list[MainMessage]] = {peer: [] for peer in PEERS}
        self.people = {peer: Villain(self.rng.choice(self.branches)) for peer in PEERS}
        self.now = LATE

    def block(self) -> Block:
        return self.rng.choice(self.blocks)

    def some(self, most: int = 6) -> Sequence[Block]:
        """Neighbours on a branch, some in a wrong order, some with gaps."""
        branch = self.rng.choice(self.branches)
        begin = self.rng.randrange(len(branch))
        found = list(branch[begin : begin + self.rng.randint(1, most)])
        if self.rng.random() < 0.1:
            self.rng.shuffle(found)
        return found

    def message(self) -> MainMessage:
        block, some, number = self.block(), self.some(), self.rng.randrange(14)
        ids = tuple(one.id for one in some)
        match number:
            case 0:
                work = self.rng.choice((bytes(32), b"\x00" * 30 + b"\xff\xff", b"\xff" * 32))
                entry = self.tree.entry(block.id)
                work = entry.work if entry and self.rng.random() < 0.9 else work
                first = self.rng.choice((0, 0, 0, 1, 20, MAX_INT, NO_BLOCKS))
                return Status(block.header.height, block.id, work, first)
            case 1 | 2 | 3:
                return Headers(tuple(one.header for one in self.some(8)))
            case 4:
                return Headers(())
            case 5 | 6:
                return BlockMessage(tuple(some))
            case 7:
                spoilt = Block(block.header, some[0].transactions)
                return BlockMessage((spoilt,)) if self.rng.random() < 0.1 else Missing(ids)
            case 8:
                return Announce(block.header)
            case 9:
                return WantCompact(self.rng.randrange(2))
            case 10:
                short = compact(block, bytes(8))
                return CompactBlock(short.header, short.salt, some[0].transactions[0], short.short)
            case 11:
                return BlockTransactions(block.id, block.transactions[self.rng.randrange(2) :])
            case 12:
                positions = tuple(self.rng.choices((0, 1, 2, 2**32 - 1), k=self.rng.randint(1, 3)))
                return GetBlockTransactions(block.id, positions)
            case _:
                return self.rng.choice((GetHeaders(ids), GetBlocks(ids), GetCompact(block.id)))

    def event(self) -> Event:
        peer, number = self.rng.choice(PEERS), self.rng.random()
        if self.switch is not None and number < 0.2:
            switch, self.switch = self.switch, None
            bad = [id for id in switch.connect if id in self.bad]
            return Refused(bad[0], RewardExceeded(limit=0, given=1)) if bad else Switched()
        if number < 0.24:
            return Joined(peer) if peer not in self.peers() else Left(peer)
        if number < 0.3:
            self.now += self.rng.choice((0, 1, 1, 2, -3))
            return Tick()
        if number < 0.31:
            return Made(self.block())
        if number < 0.93 and peer in self.peers():
            return Received(peer, self.honest(peer), 300)
        return Received(peer, self.message(), self.rng.choice((0, 300, 2_000_000)))

    def honest(self, peer: bytes) -> MainMessage:
        """The answer to one of our questions, or where this peer is."""
        mine = [question for to, question in self.asked if to == peer]
        self.asked = [one for one in self.asked if one[0] != peer]
        self.said[peer] += [one for question in mine for one in self.people[peer].answer(question)]
        return self.said[peer].pop(0) if self.said[peer] else self.people[peer].status()

    def peers(self) -> set[bytes]:
        return set(self.sync._peers)

    def step(self) -> None:
        event = self.event()
        try:
            todo = self.sync.handle(event, self.now)
        except Invalid:
            assert isinstance(event, Made)  # the answer to who made it
            return
        while todo:
            todo = [more for action in todo for more in self.perform(action)]

    def perform(self, action: Action) -> list[Action]:
        match action:
            case Switch():
                assert self.switch is None
                self.switch = action
            case Send(peer, message):
                self.asked.append((peer, message))
            case Match(peer, block):
                full = next(one for one in self.blocks if one.id == block.header.id)
                have = {at: full.transactions[at] for at in range(1, len(full.transactions))}
                found = have if self.rng.random() < 0.5 else {}
                return self.sync.handle(Matched(peer, full.id, found), self.now)
        return []

    def agree(self) -> None:
        """What is counted twice comes to the same."""
        sync: Any = self.sync
        window, plan = sync._window, sync._switching
        flights = [id for load in window._loads.values() for id in load.asked]
        assert {id: flights.count(id) for id in flights} == window._flights
        for load in window._loads.values():
            assert load.coming == sum(flight.size for flight in load.asked.values())
        assert plan.ahead == sum(plan._at_hand.get(id, 0) for id in plan._way[plan._done :])
        assert all(id in plan._at_hand for id in plan._way[plan._done : plan._ready])
        assert set(sync._peers) == set(window._loads)
        assert sync.busy == (self.switch is not None)
        assert not self.bad & {sync.line.at(height) for height in range(len(sync.line))}


@pytest.mark.parametrize("part", range(4))
def test_nothing_that_peers_say_makes_the_machine_fail(part: int) -> None:
    highest = 0
    for seed in range(part, ROUNDS, 4):
        anything = Anything(seed)
        for _ in range(STEPS):
            anything.step()
            anything.agree()
        highest = max(highest, anything.sync.tip.header.height)
    assert highest > 10, "nothing was ever connected: the test shows nothing"
