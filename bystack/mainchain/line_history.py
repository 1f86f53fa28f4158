"""The nodes of a chain's mountain range made from its headers, for one who stores no nodes.

A node is known by its level and the last header it covers, so what was made once stays true
whichever way the chain moves. Only larger nodes are remembered: the rest is made in microseconds.
"""

from __future__ import annotations

from typing import Final

from bystack.mainchain.chain import Entry, history_leaf
from bystack.mainchain.line import Line
from bystack.mainchain.tree import HeaderTree
from bystack.primitives.errors import Misuse
from bystack.primitives.mountain import mountain_leaf, mountain_node

REMEMBERED_LEVEL: Final = 5


class LineHistory:
    """Reads the nodes over a line from the line itself; `node` is what proofs are made with."""

    def __init__(self, tree: HeaderTree, line: Line) -> None:
        self._tree, self._line = tree, line
        self._known: dict[tuple[int, bytes], bytes] = {}

    def node(self, level: int, index: int) -> bytes:
        """The hash over the headers at heights index * 2**level up to (index + 1) * 2**level."""
        if level == 0:
            entry = self._at(index)
            return mountain_leaf(history_leaf(entry.id, entry.work))
        last = self._at(((index + 1) << level) - 1).id
        if (found := self._known.get((level, last))) is not None:
            return found
        made = mountain_node(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))
        if level >= REMEMBERED_LEVEL:
            self._known[level, last] = made
        return made

    def _at(self, height: int) -> Entry:
        entry = self._tree.entry(self._line.at(height) or b"")
        if entry is None:
            raise Misuse(f"the chain has no header at height {height}")
        return entry
