"""Blocks from many peers at once: a window that slides ahead of the connected tip.

Every peer that has shown the header of a block, and says it keeps blocks from low enough on, may be
asked for it. How much is on its way from a peer follows how it delivers: what comes soon doubles
it, silence halves it and gives its blocks to others. The block that holds everything up is asked of
a second peer. Ahead of the tip lie at most `AHEAD` blocks and about `AHEAD_BYTES`, save for what a
reorganisation needs before it gains work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

from bystack.mainchain.blocks import MAX_HEADER
from bystack.mainchain.chain import Entry
from bystack.mainchain.events import Action, Penalise, Send
from bystack.mainchain.messages import MAX_BLOCKS, GetBlocks
from bystack.mainchain.switching import Switching
from bystack.mainchain.sync.peers import MISSING, STALLED, Peers
from bystack.mainchain.tree import HeaderTree

AHEAD: Final = 1_024
AHEAD_BYTES: Final = 32_000_000
STALL: Final = 4
"""Seconds of silence after which a peer's blocks are asked of others."""
PATIENCE: Final = 20
"""Seconds of silence after which a peer has stalled; so many for each other that sends blocks."""
SOON: Final = 2
LATELY: Final = 10
FIRST_SHARE: Final = 2_000_000
MOST_SHARE: Final = 8_000_000
IN_FLIGHT: Final = 256
"""Most blocks on their way from one peer, whatever their size."""
LATE: Final = 1_024
FIRST_GUESS: Final = 500
"""Bytes we take a transaction for before any has come; headers say how many a block has."""


class Answer(Enum):
    """What a block that comes is to us."""

    WANTED = auto()
    LATE = auto()
    UNASKED = auto()


class Flight(NamedTuple):
    """A block on its way: since when, and how many bytes it should have."""

    since: int
    size: int


@dataclass
class Load:
    """What is on its way from a peer; how often it may still send what others were asked for.

    `share`: bytes it may have on the way, `coming`: those it has. `heard`: when it last delivered
    or was first asked.
    """

    asked: dict[bytes, Flight] = field(default_factory=dict)
    coming: int = 0
    late: dict[bytes, int] = field(default_factory=dict)
    share: int = FIRST_SHARE
    heard: int = 0
    silent: bool = False
    gave: bool = False


class Window:
    """Asks peers for the blocks of the plan; times are steady seconds."""

    def __init__(self, tree: HeaderTree, peers: Peers, switching: Switching) -> None:
        self._tree, self._peers, self._switching = tree, peers, switching
        self._loads: dict[bytes, Load] = {}
        self._flights: dict[bytes, int] = {}
        self._frontier = 0
        self._again: set[int] = set()
        self._average = FIRST_GUESS
        self._reaches: dict[tuple[bytes, bytes], int] = {}

    @property
    def in_flight(self) -> int:
        """How many blocks are on their way."""
        return len(self._flights)

    def sources(self, now: int) -> int:
        """How many peers give us blocks: some are on their way, or came of late."""
        return sum(
            bool(load.asked) or (load.gave and now - load.heard < LATELY)
            for load in self._loads.values()
        )

    def admits(self, id: bytes) -> bool:
        """Whether a block is not on its way and not too far ahead to be so."""
        entry = self._tree.entry(id)
        near = entry is not None and entry.header.height < self._switching.next + AHEAD
        return near and id not in self._flights

    # Peers

    def join(self, peer: bytes) -> None:
        """A peer is connected."""
        self._loads[peer] = Load()

    def leave(self, peer: bytes) -> None:
        """A peer is gone; what it was asked for is asked of others."""
        self.release(peer)
        self._loads.pop(peer, None)

    def release(self, peer: bytes) -> None:
        """Ask others for what is on its way from a peer."""
        for id in list(self._loads[peer].asked):
            self._give_up(peer, id)

    def abandon(self, peer: bytes, id: bytes) -> None:
        """A block does not come from a peer in another way after all (`reserve`)."""
        if peer in self._loads and id in self._loads[peer].asked:
            self._give_up(peer, id)

    def _give_up(self, peer: bytes, id: bytes) -> None:
        load = self._loads[peer]
        load.coming -= load.asked.pop(id).size
        load.late[id] = load.late.get(id, 0) + 1
        if len(load.late) > LATE:
            del load.late[next(iter(load.late))]
        self._land(id)
        self._want(id)

    def _land(self, id: bytes) -> None:
        count = self._flights.pop(id, 0)
        if count > 1:
            self._flights[id] = count - 1

    def _want(self, id: bytes) -> None:
        entry = self._tree.entry(id)
        if entry and id not in self._flights and self._switching.on_plan(id):
            self._again.add(entry.header.height)

    def replan(self) -> None:
        """The plan is another: begin at its start."""
        self._frontier, self._again = self._switching.next, set()
        self._reaches.clear()

    def reach(self, peer: bytes, goal: Entry) -> int:
        """Up to which height of the branch to `goal` a peer has blocks; -1 for none."""
        shown = self._peers.shown(peer)
        if shown is None or not self._peers.serves(peer):
            return -1
        key = (shown.id, goal.id)
        if key not in self._reaches:
            if len(self._reaches) > 4 * len(self._loads):
                self._reaches.clear()
            self._reaches[key] = self._tree.common(shown, goal).header.height
        return self._reaches[key]

    # Asking

    def ask(self, now: int) -> list[Action]:
        """Let every peer have as much on its way as it deserves, the readiest first."""
        goal = self._tree.entry(self._switching.goal) if self._switching.goal else None
        if goal is None:
            return []
        awake = [p for p in self._peers.awake(now) if not self._loads[p].silent]
        asks: list[Action] = []
        for peer in sorted(awake, key=lambda p: (-self._loads[p].share, len(self._loads[p].asked))):
            ids = self._pick(peer, goal)
            if ids:
                self._sent(peer, ids, now)
                asks.append(Send(peer, GetBlocks(ids)))
        return asks

    def _pick(self, peer: bytes, goal: Entry) -> tuple[bytes, ...]:
        """The next blocks for a peer; none until half of what it may carry has come."""
        load = self._loads[peer]
        if load.coming * 2 > load.share or len(load.asked) * 2 > IN_FLIGHT:
            return ()
        most = min(IN_FLIGHT - len(load.asked), MAX_BLOCKS)
        lowest, highest = self._peers[peer].blocks_from, self.reach(peer, goal)
        room, picked = load.share - load.coming, list[bytes]()
        for height in self._heights(lowest, highest):
            if room <= 0 or len(picked) >= most:
                break
            self._again.discard(height)
            self._frontier = max(self._frontier, height + 1)
            id = self._switching.at(height)
            if id is not None and id not in self._flights and not self._switching.at_hand(id):
                picked.append(id)
                room -= self._size(id)
        return tuple(picked)

    def _heights(self, lowest: int, highest: int) -> Iterator[int]:
        """What a peer may be asked for next: what others did not give, then the frontier."""
        yield from [height for height in sorted(self._again) if lowest <= height <= highest]
        plan = self._switching
        coming = sum(load.coming for load in self._loads.values())
        full = plan.ahead + coming >= AHEAD_BYTES
        end = max(plan.gain, plan.lacking if full else plan.next + AHEAD - 1)
        if lowest <= self._frontier:
            yield from range(self._frontier, min(highest, end) + 1)

    def _size(self, id: bytes) -> int:
        entry = self._tree.entry(id)
        return MAX_HEADER + (entry.header.transaction_count * self._average if entry else 0)

    def reserve(self, peer: bytes, id: bytes, now: int) -> None:
        """A block comes from a peer in another way: ask nobody else for it."""
        entry = self._tree.entry(id)
        if entry is not None:
            self._again.discard(entry.header.height)
        self._sent(peer, (id,), now)

    def _sent(self, peer: bytes, ids: tuple[bytes, ...], now: int) -> None:
        load = self._loads[peer]
        if not load.asked:
            load.heard = now
        for id in ids:
            if id not in load.asked:
                load.asked[id] = Flight(now, self._size(id))
                load.coming += load.asked[id].size
                self._flights[id] = self._flights.get(id, 0) + 1

    # Answers

    def take(self, peer: bytes, id: bytes, size: int, now: int) -> Answer:
        """A peer sent a block of so many bytes."""
        load = self._loads[peer]
        flight = load.asked.pop(id, None)
        if flight is None and not self._owed(load, id):
            return Answer.UNASKED
        load.heard, load.silent, load.gave = now, False, True
        self._measure(id, size)
        if flight is None:
            return Answer.LATE
        load.coming -= flight.size
        self._land(id)
        self._want(id)  # until it is found good and `stored`
        if now - flight.since <= SOON:
            load.share = min(MOST_SHARE, load.share + size)
        return Answer.WANTED

    def _owed(self, load: Load, id: bytes) -> bool:
        """Whether this answers a question that was given up; each does so once."""
        count = load.late.pop(id, 0)
        if count > 1:
            load.late[id] = count - 1
        return count > 0

    def _measure(self, id: bytes, size: int) -> None:
        entry = self._tree.entry(id)
        if entry is not None:
            each = size // max(1, entry.header.transaction_count)
            self._average = max(100, (15 * self._average + each) // 16)

    def stored(self, id: bytes) -> None:
        """A block is at hand: nobody else need be asked."""
        entry = self._tree.entry(id)
        if entry is not None:
            self._again.discard(entry.header.height)

    def missing(self, peer: bytes, ids: tuple[bytes, ...], now: int) -> list[Penalise]:
        """A peer lacks blocks that it was asked for."""
        asked = [id for id in ids if id in self._loads[peer].asked]
        for id in asked:
            self._give_up(peer, id)
        if not asked:
            return []
        self.release(peer)
        return self._peers.blame(peer, MISSING, now)

    # Those who let us wait

    def watch(self, now: int) -> list[Action]:
        """Give the blocks of silent peers to others; score those who stay silent.

        On a slow line of ours everybody is late: what comes from one holds up the others' answers.
        """
        found: list[Action] = []
        busy = sum(load.gave and now - load.heard < LATELY for load in self._loads.values())
        for peer, load in self._loads.items():
            waits = now - load.heard if load.asked or load.silent else 0
            if waits >= PATIENCE * max(1, busy):
                self.release(peer)
                load.silent = False
                found += self._peers.blame(peer, STALLED, now)
            elif waits >= STALL and load.asked and self._others(peer, now):
                self._slow(peer)
        return [*found, *self._hasten(now)]

    def _others(self, peer: bytes, now: int) -> list[bytes]:
        """Who else could give the first block that lacks, the readiest first."""
        goal = self._tree.entry(self._switching.goal) if self._switching.goal else None
        height = self._switching.lacking
        able = [
            other
            for other in self._peers.awake(now)
            if other != peer and goal is not None and not self._loads[other].silent
            if self._peers[other].blocks_from <= height <= self.reach(other, goal)
        ]
        return sorted(able, key=lambda p: (-self._loads[p].share, len(self._loads[p].asked)))

    def _hasten(self, now: int) -> list[Action]:
        """Ask another peer for the block that holds everything up, and soon yet another.

        Who lets all wait loses what else it was asked for too, and is asked no more until it gives
        something: it might hold back one block after the other.
        """
        id = self._switching.at(self._switching.lacking)
        held = [peer for peer, load in self._loads.items() if id in load.asked]
        if id is None or not held:
            return []
        if any(now < self._loads[peer].asked[id].since + 2 * STALL for peer in held):
            return []
        others = self._others(held[0], now)
        for peer in held if others else ():
            self._slow(peer)
        for other in others[:1]:
            self.reserve(other, id, now)
            return [Send(other, GetBlocks((id,)))]
        return []

    def _slow(self, peer: bytes) -> None:
        """Let a peer have less on its way, and nothing at all until it gives something."""
        load = self._loads[peer]
        load.share = max(load.share // 2, 1)
        load.silent = True
        self.release(peer)
