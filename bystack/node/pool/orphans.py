"""Transactions that may stand later: their parents, or the block they wait for, are not here yet.

Kept for a while and within bounds, each peer within its own: whoever floods us crowds out what it
sent itself, and what leaves is never looked for again by us (its announcer may announce it again).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bystack.ledger.transactions import Transaction

MAX_ORPHANS = 100
MAX_PER_PEER = 25
MAX_ORPHAN = 100_000
"""Bytes of one; so all together take 10 MB at most."""
EXPIRY_SECONDS = 20 * 60


class Orphan(NamedTuple):
    """One that waits, who sent it, and until when."""

    tx: Transaction
    peer: bytes
    until: float


class Orphans:
    """At most `most` orphans, `per_peer` of one peer, the oldest first."""

    def __init__(self, most: int = MAX_ORPHANS, per_peer: int = MAX_PER_PEER) -> None:
        self._most, self._per_peer = most, per_peer
        self._waiting: dict[bytes, Orphan] = {}
        self._children: dict[bytes, set[bytes]] = {}
        self._of: dict[bytes, dict[bytes, None]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, id: object) -> bool:
        return id in self._waiting

    def __iter__(self) -> Iterator[Transaction]:
        return iter([orphan.tx for orphan in self._waiting.values()])

    def hold(self, tx: Transaction, peer: bytes, now: float) -> bool:
        """Keep one a peer sent at `now` (seconds); False when it is too long to be kept."""
        if tx.size > MAX_ORPHAN:
            return False
        if tx.id in self._waiting:
            return True
        if len(self._of.get(peer, ())) >= self._per_peer:
            self.forget(next(iter(self._of[peer])))
        if len(self._waiting) >= self._most:
            self.forget(next(iter(self._greediest())))
        self._waiting[tx.id] = Orphan(tx, peer, now + EXPIRY_SECONDS)
        self._of.setdefault(peer, {})[tx.id] = None
        for parent in _parents(tx):
            self._children.setdefault(parent, set()).add(tx.id)
        return True

    def forget(self, id: bytes) -> None:
        """Keep one no longer, if it is here."""
        orphan = self._waiting.pop(id, None)
        if orphan is None:
            return
        _discard(self._of, orphan.peer, id)
        for parent in _parents(orphan.tx):
            _discard(self._children, parent, id)

    def leave(self, peer: bytes) -> None:
        """A peer is gone, and with it what it sent."""
        for id in list(self._of.get(peer, ())):
            self.forget(id)

    def expire(self, now: float) -> None:
        """Let go of what waited too long; the oldest stand first."""
        while self._waiting and next(iter(self._waiting.values())).until <= now:
            self.forget(next(iter(self._waiting)))

    def children(self, parents: Iterable[bytes]) -> list[Transaction]:
        """Those that spend a coin of one of these transactions."""
        ids = dict.fromkeys(
            id for parent in parents for id in sorted(self._children.get(parent, ()))
        )
        return [self._waiting[id].tx for id in ids]

    def _greediest(self) -> dict[bytes, None]:
        """The ids of the peer that has most here, oldest first."""
        return max(self._of.values(), key=lambda ids: len(ids))


def _parents(tx: Transaction) -> set[bytes]:
    return {point.transaction for point in tx.body.inputs}


def _discard(
    table: dict[bytes, dict[bytes, None]] | dict[bytes, set[bytes]], key: bytes, id: bytes
) -> None:
    """Take an id out of one row of a table, and the row when it is empty."""
    row = table[key]
    if isinstance(row, set):
        row.discard(id)
    else:
        row.pop(id, None)
    if not row:
        del table[key]
