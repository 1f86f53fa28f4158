"""Which blocks are connected, which are at hand, and when to move from one branch to another.

A switch is asked for when the blocks at hand lead, without a gap, to more work than is connected,
and only one at a time: the driver makes it in one batch and says whether it did.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from itertools import islice, takewhile
from typing import Final

from bystack.mainchain.chain import Entry, path
from bystack.mainchain.events import Switch
from bystack.mainchain.line import Line
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Misuse

# Blocks of one switch, all of which the driver holds in memory at once.
BATCH: Final = 64


class Switching:
    """The connected chain, the blocks at hand beside it, and the way planned to a better tip."""

    def __init__(self, tree: HeaderTree, connected: bytes, at_hand: Iterable[bytes]) -> None:
        self._tree = tree
        self.tip = self.entry(connected)
        self.line = Line(tree, tree.first, self.tip)
        self._at_hand = set(at_hand)
        self._disconnect: tuple[bytes, ...] = ()
        self._connect: deque[bytes] = deque()
        self._pending: Switch | None = None

    @property
    def busy(self) -> bool:
        """Whether a switch is asked for and not yet answered."""
        return self._pending is not None

    @property
    def planned(self) -> bool:
        """Whether a way to a better tip is planned and not yet gone."""
        return bool(self._connect)

    def entry(self, id: bytes) -> Entry:
        """The entry of a header that must be in the tree."""
        entry = self._tree.entry(id)
        if entry is None:
            raise Misuse(f"header {id.hex()} is not in the tree")
        return entry

    def plan(self, goal: Entry) -> None:
        """Mean to go from the connected tip to `goal`."""
        self._disconnect, connect = path(self._tree, self.tip, goal)
        self._connect = deque(connect)

    def extend(self, id: bytes, previous: bytes) -> None:
        """Go one header further, if it follows the goal."""
        if self._connect and self._connect[-1] == previous:
            self._connect.append(id)

    def forget(self) -> None:
        """Drop the plan."""
        self._disconnect, self._connect = (), deque()

    def keep(self, id: bytes) -> None:
        """The block is stored."""
        self._at_hand.add(id)

    def holds(self, id: bytes) -> bool:
        """Whether a block is connected or at hand."""
        return id in self._at_hand or self.line.holds(id)

    def wanted(self, asked: Collection[bytes], most: int) -> tuple[bytes, ...]:
        """The next blocks of the plan that are neither at hand nor asked for, at most `most`."""
        lacking = (id for id in self._connect if id not in self._at_hand and id not in asked)
        return tuple(islice(lacking, most))

    def advance(self) -> list[Switch]:
        """Switch along the plan as far as blocks are at hand."""
        if self._pending:
            return []
        ready = takewhile(self._at_hand.__contains__, self._connect)
        return self._ask(self._disconnect, self._enough(ready))

    def _enough(self, ready: Iterable[bytes]) -> tuple[bytes, ...]:
        """As many blocks as one batch should hold, and more only until work is gained."""
        taken: list[bytes] = []
        for id in ready:
            taken.append(id)
            if len(taken) >= BATCH and self.entry(id).work > self.tip.work:
                break
        return tuple(taken)

    def adopt(self, id: bytes) -> list[Switch]:
        """Switch to a block, whatever the plan, if it gains work and all before it is at hand."""
        goal = self._tree.entry(id)
        if goal is None or self._pending or goal.work <= self.tip.work:
            return []
        disconnect, connect = path(self._tree, self.tip, goal)
        return self._ask(disconnect, connect) if self._at_hand.issuperset(connect) else []

    def _ask(self, disconnect: tuple[bytes, ...], connect: tuple[bytes, ...]) -> list[Switch]:
        if not connect or self.entry(connect[-1]).work <= self.tip.work:
            return []
        self._pending = Switch(disconnect, connect)
        return [self._pending]

    def switched(self) -> None:
        """The switch is made; a plan that did not begin with it is dropped."""
        done = self._finish()
        on_plan = self._follows(done)
        self._at_hand.update(done.disconnect)
        self._at_hand.difference_update(done.connect)
        self.line.move(done.disconnect, done.connect)
        self.tip = self.entry(done.connect[-1])
        rest = islice(self._connect, len(done.connect), None) if on_plan else ()
        self._disconnect, self._connect = (), deque(rest)

    def refused(self, block: bytes) -> tuple[bool, list[Switch]]:
        """The block is invalid, so are its descendants; the blocks before it may still do.

        Also tells whether the switch followed the plan, so that its source is to blame.
        """
        done = self._finish()
        on_plan = self._follows(done)
        self._tree.invalidate(block)
        self._at_hand = {id for id in self._at_hand if self._tree.entry(id)}
        self.forget()
        return on_plan, self._ask(done.disconnect, tuple(takewhile(block.__ne__, done.connect)))

    def _finish(self) -> Switch:
        if self._pending is None:
            raise Misuse("no switch was asked for")
        done, self._pending = self._pending, None
        return done

    def _follows(self, done: Switch) -> bool:
        return tuple(islice(self._connect, len(done.connect))) == done.connect
