"""The state as it was after a few blocks that somebody asks about page by page.

A node keeps the trie of its last final block only; who needs more entries of one block than a page
holds has that moment held here. Few are held, and none for long: a held moment keeps the disk from
forgetting what was written over since.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final, NamedTuple

from bystack.node.store.storage import Snapshot, View
from bystack.primitives.errors import Invalid

MOST: Final = 4
BLOCKS: Final = 600
"""After so many blocks more a moment is let go."""


class MomentGone(Invalid):
    """The state after this block is not held any more: begin with the first page again."""


class Moment(NamedTuple):
    """A store as it was after the block at a height."""

    height: int
    view: Snapshot


class Moments:
    """Moments by their block's id, the one asked for least lately goes first; from any thread."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, Moment] = OrderedDict()
        self._lock = Lock()

    def hold(self, block: bytes, height: int, view: Snapshot) -> None:
        """Keep a snapshot for later pages; it is closed here."""
        with self._lock:
            if block in self._held:
                view.close()
                return
            self._held[block] = Moment(height, view)
            while len(self._held) > MOST:
                self._held.popitem(last=False)[1].view.close()

    @contextmanager
    def reading(self, block: bytes) -> Iterator[View]:
        """The view of a held moment, which stays while it is read; raises `MomentGone`."""
        with self._lock:
            if block not in self._held:
                raise MomentGone(block=block)
            self._held.move_to_end(block)
            yield self._held[block].view

    def pass_on(self, height: int) -> None:
        """The chain has come to a height: what is older than `BLOCKS` goes, unless it is read."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            old = [id for id, one in self._held.items() if one.height + BLOCKS < height]
            for id in old:
                self._held.pop(id).view.close()
        finally:
            self._lock.release()

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            while self._held:
                self._held.popitem()[1].view.close()

    def __len__(self) -> int:
        return len(self._held)
