"""One chain among the branches: ids by height from a first entry on, moved by reorganisations."""

from __future__ import annotations

from collections.abc import Sequence

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry, HeaderView, parent_of, path
from bystack.primitives.errors import Misuse

_STEADY = 10
_OFF_CHAIN = 20


class Line:
    """The chain from `first` to a tip whose entries a view holds."""

    def __init__(self, view: HeaderView, first: Entry, tip: Entry) -> None:
        self._view, self._base = view, first.header.height
        self._ids = [first.id, *path(view, first, tip)[1]]

    def __len__(self) -> int:
        return len(self._ids)

    def tip(self) -> bytes:
        """The id at the end."""
        return self._ids[-1]

    def at(self, height: int) -> bytes | None:
        """The id at a height of the block chain, None outside."""
        place = height - self._base
        return self._ids[place] if 0 <= place < len(self._ids) else None

    def holds(self, id: bytes) -> bool:
        """Whether a header is on this chain."""
        entry = self._view.entry(id)
        return entry is not None and self.at(entry.header.height) == id

    def move(self, disconnect: Sequence[bytes], connect: Sequence[bytes]) -> None:
        """Leave `disconnect` (tip first), go on with `connect` (oldest first)."""
        keep = len(self._ids) - len(disconnect)
        if keep < 1 or self._ids[keep:] != list(reversed(disconnect)):
            raise Misuse("the chain does not end in what is to be disconnected")
        self._ids[keep:] = connect

    def locator(self, entry: Entry) -> tuple[bytes, ...]:
        """Ids from an entry back, the steps doubling after ten, the first entry last; at most 64.

        Follows parents to this chain and jumps by height from there on.
        """
        ids: list[bytes] = []
        while not self.holds(entry.id):
            ids += [entry.id] if len(ids) < _OFF_CHAIN else []
            entry = parent_of(self._view, entry)
        place, step = entry.header.height - self._base, 1
        while place > 0:
            ids.append(self._ids[place])
            step = step * 2 if len(ids) > _STEADY else 1
            place -= step
        return (*ids, self._ids[0])

    def after(self, locator: Sequence[bytes], most: int) -> tuple[Header, ...]:
        """Up to `most` headers after the first id of a locator that is on this chain."""
        known = next((id for id in locator if self.holds(id)), self._ids[0])
        place = self._entry(known).header.height - self._base + 1
        return tuple(self._entry(id).header for id in self._ids[place : place + most])

    def _entry(self, id: bytes) -> Entry:
        entry = self._view.entry(id)
        if entry is None:
            raise Misuse(f"header {id.hex()} is not in the view")
        return entry
