"""The header tree in memory: every judged header, the best chain by height, what proved invalid.

Headers are judged before their blocks are seen. A block that turns out invalid takes its header and
all descendants out of the tree for good, and the best of the rest leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import (
    Entry,
    HeaderDelta,
    HeaderView,
    choose,
    judge_branch,
    parent_of,
    path,
)
from bystack.mainchain.line import Line
from bystack.mainchain.params import Params
from bystack.mainchain.work import ENGINES, Engine
from bystack.primitives.errors import Invalid, Misuse


class BranchInvalid(Invalid):
    """The header is that of an invalid block or descends from one."""


class HeaderTree(HeaderView):
    """All entries from a first one on; of equal work the first seen is best.

    `line` is the best chain.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        params: Params,
        engines: Mapping[str, Engine] = ENGINES,
        invalid: Iterable[bytes] = (),
    ) -> None:
        """Begin with entries in the order they were first seen: the oldest first, then children."""
        self._entries = {entry.id: entry for entry in entries}
        if not self._entries:
            raise Misuse("a header tree begins with one entry")
        self._params, self._engines = params, engines
        self._invalid = set(invalid)
        self._first = next(iter(self._entries.values()))
        self.line = Line(self, self._first, self._heaviest())

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, id: bytes, /) -> Entry | None:
        """The entry of a header that is not known to be invalid."""
        return self._entries.get(id)

    def refused(self, id: bytes) -> bool:
        """Whether a header is known to be an invalid block's or to descend from one."""
        return id in self._invalid

    def tip(self) -> bytes:
        """The id of the best header."""
        return self.line.tip()

    def best(self) -> Entry:
        """The entry of the best header."""
        return self._entries[self.line.tip()]

    @property
    def first(self) -> Entry:
        """The entry all others descend from."""
        return self._first

    def add(self, headers: Sequence[Header], now: int | None) -> HeaderDelta:
        """Judge a branch (`chain.add_headers`) and keep it. Raises `Header…`, `BranchInvalid`."""
        return self.keep(self.judge(headers, now))

    def judge(
        self, headers: Sequence[Header], now: int | None, beyond: Entry | None = None
    ) -> tuple[Entry, ...]:
        """The new entries of a branch, without keeping them. Raises as `add`.

        The branch may begin after `beyond`, a judged entry that is not kept either.
        """
        for header in headers:
            if header.id in self._invalid or header.previous in self._invalid:
                raise BranchInvalid(id=header.id)
        view: HeaderView = self if beyond is None else _Beyond(self, beyond)
        return judge_branch(view, headers, self._params, now, self._engines)

    def keep(self, entries: Sequence[Entry]) -> HeaderDelta:
        """Take in a branch that was judged, its parent in the tree."""
        delta = choose(self, entries)
        self._entries.update((entry.id, entry) for entry in delta.added)
        self.line.move(delta.disconnect, delta.connect)
        return delta

    def common(self, one: Entry, other: Entry) -> Entry:
        """The last entry that two branches share; cheap when both are on or near the best."""
        while one.id != other.id:
            here, there = self.line.holds(one.id), self.line.holds(other.id)
            if here and there:
                return min(one, other, key=lambda entry: entry.header.height)
            if there or (not here and one.header.height >= other.header.height):
                one = parent_of(self, one)
            else:
                other = parent_of(self, other)
        return one

    def invalidate(self, id: bytes) -> HeaderDelta:
        """Take a header whose block is invalid out of the tree, with all its descendants."""
        if id == self._first.id:
            raise Misuse("the first entry is trusted")
        old, before = self.best(), dict(self._entries)
        self._invalid.add(id)
        for entry in before.values():  # parents come before their children
            if entry.id in self._invalid or entry.header.previous in self._invalid:
                self._invalid.add(entry.id)
                del self._entries[entry.id]
        new = self._heaviest()
        disconnect, connect = path(_Whole(before, old.id), old, new)
        delta = HeaderDelta((), old.id, new.id, disconnect, connect)
        self.line.move(delta.disconnect, delta.connect)
        return delta

    def _heaviest(self) -> Entry:
        return max(self._entries.values(), key=lambda entry: entry.work)  # max keeps the first


class _Beyond:
    """The tree and one judged entry that is not in it."""

    def __init__(self, tree: HeaderTree, last: Entry) -> None:
        self._tree, self._last = tree, last

    def entry(self, id: bytes, /) -> Entry | None:
        return self._last if id == self._last.id else self._tree.entry(id)

    def tip(self) -> bytes:
        return self._tree.tip()


class _Whole:
    """The entries before some were taken out."""

    def __init__(self, entries: Mapping[bytes, Entry], tip: bytes) -> None:
        self._entries, self._tip = entries, tip

    def entry(self, id: bytes, /) -> Entry | None:
        return self._entries.get(id)

    def tip(self) -> bytes:
        return self._tip
