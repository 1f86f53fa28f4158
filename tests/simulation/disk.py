"""A disk that may lose what was not synced, tear the last record, and lose the whole journal."""

from __future__ import annotations

import random

from bystack.primitives.codec import decode, encode
from bystack.primitives.framing import record, scan, torn
from bystack.sidechain.consensus.positions import JournalRecord, Position

LIMIT = 100_000


class Journal:
    """The bytes of a vote journal. What a crash spares is read again as the signer reads it."""

    def __init__(self) -> None:
        self._data = b""
        self._ends: list[tuple[Position, int]] = []
        self._synced = 0
        self.last: JournalRecord | None = None
        self.lost = False

    @property
    def records(self) -> int:
        """How many there are."""
        return len(self._ends)

    def append(self, made: JournalRecord) -> None:
        """Write, without syncing."""
        self._data += record(encode(made))
        self._ends.append((made.position, len(self._data)))
        self.last = made

    def sync(self, position: Position) -> None:
        """Everything up to a position is on the disk."""
        done = [end for at, end in self._ends if at <= position]
        self._synced = max([self._synced, *done])

    def crash(self, rng: random.Random, lose: bool = False) -> None:
        """Keep the synced bytes and some after them, perhaps garbled; or nothing at all."""
        if lose:
            self.__init__()  # type: ignore[misc]
            self.lost = True
            return
        kept = bytearray(self._data[: rng.randint(self._synced, len(self._data))])
        if len(kept) > self._synced and rng.random() < 0.3:
            kept[rng.randrange(self._synced, len(kept)) :] = bytes(1)
        self._read(bytes(kept))

    def _read(self, data: bytes) -> None:
        found = scan(data)
        if not torn(data[found.end :]):
            raise AssertionError("a torn tail was taken for damage")
        self._data = data[: found.end]
        made = [decode(JournalRecord, data[a:b], LIMIT) for a, b in found.spans]
        self._ends = [(m.position, end) for m, (_, end) in zip(made, found.spans, strict=True)]
        self._synced, self.last = len(self._data), made[-1] if made else None
