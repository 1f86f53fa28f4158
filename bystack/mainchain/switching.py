"""Which blocks are connected, which are at hand, and when to move from one branch to another.

A switch is asked for when the blocks at hand lead, without a gap, to more work than is connected,
and only one at a time: the driver makes it in one batch and says whether it did. How much goes into
one switch is bounded in bytes and in number, save for what a reorganisation needs to gain work.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice, takewhile
from typing import Final

from bystack.mainchain.chain import Entry, path
from bystack.mainchain.events import Switch
from bystack.mainchain.line import Line
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Misuse

BATCH: Final = 512
"""Most blocks of one switch; signatures are verified across all of them."""
BATCH_BYTES: Final = 8_000_000
"""Bytes of one switch, all of which the driver holds in memory at once."""
UNMEASURED: Final = 250_000
"""Bytes we take a block for that was at hand before we started."""


class Switching:
    """The connected chain, the blocks at hand beside it, and the way planned to a better tip."""

    def __init__(self, tree: HeaderTree, connected: bytes, at_hand: Iterable[bytes]) -> None:
        self._tree = tree
        self.tip = self.entry(connected)
        self.line = Line(tree, tree.first, self.tip)
        self._at_hand = dict.fromkeys(at_hand, UNMEASURED)
        self._pending: Switch | None = None
        self._disconnect: tuple[bytes, ...] = ()
        self._way: list[bytes] = []
        self._base = self._done = self._ready = self._ahead = self._transactions = 0
        self.forget()

    @property
    def busy(self) -> bool:
        """Whether a switch is asked for and not yet answered."""
        return self._pending is not None

    @property
    def planned(self) -> bool:
        """Whether a way to a better tip is planned and not yet gone."""
        return self._done < len(self._way)

    @property
    def goal(self) -> bytes | None:
        """The last block of the plan."""
        return self._way[-1] if self.planned else None

    @property
    def last(self) -> int:
        """The height of the plan's last block."""
        return self._base + len(self._way) - 1

    @property
    def next(self) -> int:
        """The height of the first block of the plan that is not connected."""
        return self._base + self._done

    @property
    def lacking(self) -> int:
        """The height of the first block of the plan that is not at hand; past its end if none."""
        return self._base + self._ready

    @property
    def gain(self) -> int:
        """The height of the first block of the plan with more work than the tip has."""
        work = self.tip.work
        place = bisect_right(self._way, work, self._done, key=lambda id: self.entry(id).work)
        return self._base + place

    @property
    def ahead(self) -> int:
        """Bytes of the blocks of the plan that are at hand."""
        return self._ahead

    @property
    def transactions(self) -> int:
        """How many transactions the plan's headers promise."""
        return self._transactions

    def entry(self, id: bytes) -> Entry:
        """The entry of a header that must be in the tree."""
        entry = self._tree.entry(id)
        if entry is None:
            raise Misuse(f"header {id.hex()} is not in the tree")
        return entry

    # The plan

    def plan(self, goal: Entry) -> bool:
        """Mean to go from the connected tip to `goal`; False when that prolongs the plan.

        What both have in common stays: peers that show now one branch, now another make us walk no
        more than where these differ.
        """
        old = self._tree.entry(self.goal) if self.goal else None
        fork = self._tree.common(old, goal) if old is not None else None
        if fork is not None and self.on_plan(fork.id):
            self._cut(fork.header.height - self._base + 1)
            self._extend(path(self._tree, fork, goal)[1])
            return fork != old
        self.forget()
        self._disconnect, way = path(self._tree, self.tip, goal)
        self._base = goal.header.height - len(way) + 1
        self._extend(way)
        return True

    def _cut(self, length: int) -> None:
        gone, self._way[length:] = self._way[length:], []
        self._ahead -= sum(self._at_hand.get(id, 0) for id in gone)
        self._transactions -= self._count(gone)
        self._ready = min(self._ready, length)

    def _extend(self, ids: Sequence[bytes]) -> None:
        self._way.extend(ids)
        self._ahead += sum(self._at_hand.get(id, 0) for id in ids)
        self._transactions += self._count(ids)
        self._look()

    def forget(self) -> None:
        """Drop the plan."""
        self._disconnect, self._way = (), []
        self._base = self.tip.header.height + 1
        self._done = self._ready = self._ahead = self._transactions = 0

    def at(self, height: int) -> bytes | None:
        """The block of the plan at a height; None for one outside of it or connected."""
        place = height - self._base
        return self._way[place] if self._done <= place < len(self._way) else None

    def on_plan(self, id: bytes) -> bool:
        """Whether a block is yet to be connected by the plan."""
        entry = self._tree.entry(id)
        return entry is not None and self.at(entry.header.height) == id

    def _look(self) -> None:
        while self._ready < len(self._way) and self._way[self._ready] in self._at_hand:
            self._ready += 1

    def _count(self, ids: Iterable[bytes]) -> int:
        return sum(self.entry(id).header.transaction_count for id in ids)

    # Blocks at hand

    def keep(self, id: bytes, size: int) -> None:
        """The block is stored; it has so many bytes."""
        if id in self._at_hand:
            return
        self._at_hand[id] = size
        self._ahead += size if self.on_plan(id) else 0
        self._look()

    def at_hand(self, id: bytes) -> bool:
        """Whether a block is stored and not connected."""
        return id in self._at_hand

    def holds(self, id: bytes) -> bool:
        """Whether a block is connected or at hand."""
        return id in self._at_hand or self.line.holds(id)

    def heaviest(self) -> bytes | None:
        """The block at hand with the most work, None when none beats the tip."""
        entries = [self.entry(id) for id in self._at_hand]
        best = max(entries, key=lambda entry: entry.work, default=self.tip)
        return best.id if best.work > self.tip.work else None

    # Moving

    def advance(self) -> list[Switch]:
        """Switch along the plan as far as blocks are at hand."""
        if self._pending or self._ready == self._done:
            return []
        ready = islice(self._way, self._done, self._ready)
        return self._ask(self._disconnect, self._enough(ready))

    def _enough(self, ready: Iterable[bytes]) -> tuple[bytes, ...]:
        """As many blocks as one batch should hold, and more only until work is gained."""
        taken: list[bytes] = []
        size = 0
        for id in ready:
            size += self._at_hand[id]
            full = len(taken) >= BATCH or size > BATCH_BYTES
            if taken and full and self.entry(taken[-1]).work > self.tip.work:
                break
            taken.append(id)
        return tuple(taken)

    def adopt(self, id: bytes) -> list[Switch]:
        """Switch towards a block, whatever the plan, if that gains work and all is at hand."""
        goal = self._tree.entry(id)
        if goal is None or self._pending or goal.work <= self.tip.work:
            return []
        disconnect, connect = path(self._tree, self.tip, goal)
        ready = self._at_hand.keys() >= set(connect)
        return self._ask(disconnect, self._enough(connect)) if ready else []

    def _ask(self, disconnect: tuple[bytes, ...], connect: tuple[bytes, ...]) -> list[Switch]:
        if not connect or self.entry(connect[-1]).work <= self.tip.work:
            return []
        self._pending = Switch(disconnect, connect)
        return [self._pending]

    def switched(self) -> Switch:
        """The switch is made, and returned; a plan that did not begin with it is dropped."""
        done, on_plan = self._finish()
        sizes = [self._at_hand.pop(id) for id in done.connect]
        self._at_hand.update(dict.fromkeys(done.disconnect, UNMEASURED))
        self.line.move(done.disconnect, done.connect)
        self.tip = self.entry(done.connect[-1])
        if not on_plan:
            self.forget()
            return done
        self._disconnect = ()
        self._done += len(done.connect)
        self._ahead -= sum(sizes)
        self._transactions -= self._count(done.connect)
        return done

    def refused(self, block: bytes) -> list[Switch]:
        """The block is invalid, so are its descendants; the blocks before it may still do."""
        done, _ = self._finish()
        self._tree.invalidate(block)
        self._at_hand = {id: n for id, n in self._at_hand.items() if self._tree.entry(id)}
        self.forget()
        return self._ask(done.disconnect, tuple(takewhile(block.__ne__, done.connect)))

    def _finish(self) -> tuple[Switch, bool]:
        if self._pending is None:
            raise Misuse("no switch was asked for")
        done, self._pending = self._pending, None
        follows = self._way[self._done : self._done + len(done.connect)] == list(done.connect)
        return done, follows and done.disconnect == self._disconnect
