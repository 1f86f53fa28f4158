"""Going where a chain goes: on to its tip, back to the fork after a reorganisation, and waiting.

A step at a time, each of which leaves the tables of a whole chain. Nothing is taken back for a node
that is merely behind (it was set up anew, or restored): its best block is one we know.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final, Protocol

from bystack.client.bars import Bar, line
from bystack.client.indexing.columns import BlockRows, Place, Row
from bystack.client.indexing.reaching import DatabaseDown, DatabaseRefused
from bystack.client.indexing.source import ChangedMeanwhile, Identity, Source, Standing
from bystack.client.rpc import OUR_MISTAKES, NodeDown, NotReady, RpcFailed

LOOK: Final = 100
"""Blocks compared at once on the way down to a fork."""
TIP_PAUSE: Final = 1.0
PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds: how often the tip is looked at, and how long to wait after a failure, growing."""
ONCE_PATIENCE: Final = 6
"""Failures in a row after which a run that is to end at the tip gives up: about a minute."""


class Step(Enum):
    """What a step did."""

    EXTENDED = auto()
    UNDONE = auto()
    AGAIN = auto()
    AT_TIP = auto()
    BEHIND = auto()


class Tables(Protocol):
    """Where blocks are kept (`postgres.Database`)."""

    first: int
    place: Place
    """The last block that is held."""

    def open(self, first: int, assets: Sequence[Row]) -> None:
        """Begin or go on."""

    def close(self) -> None:
        """Let go."""

    def ids(self, heights: range) -> dict[int, str]:
        """Ids by height."""

    def extend(self, blocks: Sequence[BlockRows]) -> None:
        """Add blocks."""

    def undo(self, to: Place) -> None:
        """Take back what is above."""


class FinalChanged(Exception):
    """A sidechain's block that was final is another one now."""


class Indexer:
    """Keeps the tables of one chain at its tip; `tell` hears sentences for people."""

    def __init__(self, source: Source, tables: Tables, tell: Callable[[str], None]) -> None:
        self._source, self._tables, self._tell = source, tables, tell
        self._bar: Bar | None = None
        self._began = 0

    @property
    def identity(self) -> Identity:
        """Which chain it is."""
        return self._source.identity

    def step(self) -> Step:
        """Do the next thing; raises what source and tables raise, and `FinalChanged`."""
        now, held = self._source.standing(), self._tables.place
        if now.chain_id != self.identity.chain_id:
            text = f"the node's {self.identity.name} is another chain now ({now.chain_id[:16]}…)"
            raise DatabaseRefused(f"{text}: index it into a schema of its own, with --schema")
        if now.height > held.height:
            return self._extend(now)
        if now.height < self._tables.first or self._known(now):
            return Step.AT_TIP if now.height == held.height else Step.BEHIND
        return self._back(now)

    def _known(self, now: Standing) -> bool:
        return self._tables.ids(range(now.height, now.height + 1)).get(now.height) == now.id

    def _extend(self, now: Standing) -> Step:
        held = self._tables.place
        if held.height + 1 < now.first:
            text = f"the node has blocks from {now.first} on, and block {held.height + 1} is next"
            raise DatabaseRefused(f"{text}: use a node that keeps all, or begin with --from")
        try:
            blocks = self._source.blocks(range(held.height + 1, now.height + 1))
        except ChangedMeanwhile:
            return Step.AGAIN
        if held.id and blocks[0].previous != held.id:
            return self._back(now)
        self._tables.extend(blocks)
        self._show(now)
        return Step.EXTENDED

    def _back(self, now: Standing) -> Step:
        """Take back what is no longer of the chain."""
        held, fork = self._tables.place, self._fork(now)
        if fork is None:  # it changed again while we looked
            return Step.AGAIN
        lost = held.height - fork.height
        if self.identity.kind == "sidechain":
            text = f"{self.identity.name}: block {fork.height + 1} was final and is another one now"
            raise FinalChanged(f"{text}. Nothing was changed; ask other nodes which is right")
        self._tables.undo(fork)
        self._tell(f"reorganisation: {lost} blocks above {fork.height} taken back")
        return Step.UNDONE

    def _fork(self, now: Standing) -> Place | None:
        """The last block held that is of the chain still; None where all of them are."""
        held, first = self._tables.place.height, self._tables.first
        top = min(held, now.height)
        while top >= first:
            heights = range(max(first, top - LOOK + 1), top + 1)
            ours, theirs = self._tables.ids(heights), self._source.ids(heights)
            for height, id in zip(reversed(heights), reversed(theirs), strict=True):
                if ours.get(height) == id:
                    return None if height == held else Place(height, id)
            top = heights.start - 1
        return Place(first - 1, "")

    def _show(self, now: Standing) -> None:
        if self._bar is not None:
            held = self._tables.place.height
            done = (held - self._began) / max(1, now.height - self._began)
            self._bar.show(done, f"{line('blocks', done)}  {held:,} of {now.height:,}")

    # Running

    def begin(self, first: int) -> None:
        """Open the tables, before height `first` where they are new."""
        self._tables.open(first, self._source.assets)
        self._began = self._tables.place.height

    def catch_up(self) -> Step:
        """Step until there is nothing to do, with a bar; the last step."""
        with Bar("blocks") as self._bar:
            while (done := self.step()) not in (Step.AT_TIP, Step.BEHIND):
                continue
        self._bar = None
        return done

    def run(self, first: int, *, once: bool, wait: Callable[[float], None] = time.sleep) -> Step:
        """Follow for ever, or up to the tip; what goes away is asked again, less and less often.

        `wait` is told how many seconds to let pass. Raises `DatabaseRefused`, `FinalChanged`, what
        the node refuses for good, `DatabaseDown` for one that was never there and, with `once`,
        what went away and did not come back.
        """
        failures, begun = 0, False
        while True:
            try:
                if failures or not begun:
                    self.begin(first)
                    begun = True
                done = self.catch_up()
                failures = 0
                if once:
                    return done
                wait(TIP_PAUSE)
            except (NodeDown, RpcFailed, DatabaseDown) as error:
                failures += 1
                self._bar = None
                if not begun or _for_good(error) or (once and failures > ONCE_PATIENCE):
                    raise
                pause = min(LONGEST_PAUSE, PAUSE * 2 ** (failures - 1))
                self._tell(f"{error}; asked again in {pause:.0f} s")
                wait(pause)


def _for_good(error: Exception) -> bool:
    """A refusal that asking again does not change."""
    if not isinstance(error, RpcFailed) or isinstance(error, NotReady):
        return False
    return error.code in OUR_MISTAKES or error.rule == "BlockNotHeld"
