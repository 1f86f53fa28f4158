"""Which headers are worth a place in the tree: what a peer makes us keep costs work, or is bounded.

A branch is kept when its work reaches that of our best header less `NEAR` blocks; one that reaches
that of our connected tip less as much is kept too, while there is room beside the best chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from bystack.mainchain.chain import Entry
from bystack.mainchain.sync.peers import Peers, work_of_entry
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import target_of, work_of

NEAR: Final = 288
"""So many blocks' work below the best header a branch is kept at once: half a day."""
BESIDE: Final = 50_000
"""Most headers beside the best chain for which less work will do."""
SPARE: Final = 20_000
"""A peer may make us keep twice as many headers as the best chain has, and so many more."""
PARDONED: Final = 8
"""Announcements of little work that cost nothing: who is new may be misled himself."""


class Connected(Protocol):
    """What is needed of the connected chain (`switching`); a light node's is its best headers."""

    @property
    def tip(self) -> Entry:
        """The entry of the last connected block."""


class Worth:
    """Weighs branches that peers show."""

    def __init__(self, tree: HeaderTree, peers: Peers, connected: Connected) -> None:
        self._tree, self._peers, self._connected = tree, peers, connected

    def weighty(self, last: Entry) -> bool:
        """Whether a branch that ends here is worth its place in the tree."""
        best = self._tree.best()
        if work_of_entry(last) >= self._floor(best):
            return True
        beside = len(self._tree) - len(self._tree.line)
        return work_of_entry(last) >= self._floor(self._connected.tip) and beside < BESIDE

    def _floor(self, entry: Entry) -> int:
        return work_of_entry(entry) - NEAR * work_of(target_of(entry.header.target))

    def too_many(self, peer: bytes, entries: Sequence[Entry]) -> bool:
        """Whether a peer would have made us keep more headers than any honest one does."""
        best = self._tree.best()
        longest = max([best, *entries[-1:]], key=lambda entry: entry.work)
        stored = self._peers[peer].stored + len(entries)
        return stored > 2 * longest.header.height + SPARE

    def poor(self, last: Entry) -> bool:
        """Whether blocks we have beat a branch by far, so that telling of it is an offence."""
        return work_of_entry(last) < self._floor(self._connected.tip)

    def pardons(self, peer: bytes) -> bool:
        """Count an announcement of little work; whether the peer may still make such."""
        self._peers[peer].poor += 1
        return self._peers[peer].poor <= PARDONED
