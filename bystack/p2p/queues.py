"""Which frame leaves next, and which is dropped when a peer reads too slowly.

One bounded queue per class and peer; consensus goes before blocks, blocks before transactions,
transactions before sync. A full queue drops the new frame and counts it: the caller never waits,
and one slow peer costs the others nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType


class Class(IntEnum):
    """The urgency of a message; lower goes first."""

    CONSENSUS = 0
    BLOCK = 1
    TRANSACTION = 2
    SYNC = 3


@dataclass(frozen=True)
class Bound:
    """How much one queue holds: frames, and bytes (a lone frame may exceed the bytes)."""

    frames: int
    size: int


MIB = 1 << 20
BOUNDS: Mapping[Class, Bound] = MappingProxyType(
    {
        Class.CONSENSUS: Bound(8192, 8 * MIB),
        Class.BLOCK: Bound(256, 16 * MIB),
        Class.TRANSACTION: Bound(8192, 8 * MIB),
        Class.SYNC: Bound(1024, 16 * MIB),
    }
)
CONTROL = Bound(32, 256 * 1024)


class BoundedQueue:
    """A queue of frames with two bounds."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._frames: deque[bytes] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._frames)

    def push(self, frame: bytes) -> bool:
        """Append, or answer False when it would exceed a bound."""
        if self._frames and self._size + len(frame) > self._bound.size:
            return False
        if len(self._frames) >= self._bound.frames:
            return False
        self._frames.append(frame)
        self._size += len(frame)
        return True

    def head(self) -> int:
        """The oldest frame's length in bytes."""
        return len(self._frames[0])

    def pop(self) -> bytes:
        """The oldest frame."""
        frame = self._frames.popleft()
        self._size -= len(frame)
        return frame


class SendQueues:
    """What waits to be written to one peer: the protocol's own replies, then class by class."""

    def __init__(self, bounds: Mapping[Class, Bound] = BOUNDS) -> None:
        self._control = BoundedQueue(CONTROL)
        self._classes = {cls: BoundedQueue(bounds[cls]) for cls in Class}
        self._order = (self._control, *(self._classes[cls] for cls in sorted(Class)))

    def push(self, cls: Class, frame: bytes) -> bool:
        """Queue a frame under its class; False when that class is full."""
        return self._classes[cls].push(frame)

    def push_control(self, frame: bytes) -> bool:
        """Queue a frame of the protocol itself (ping, pong, addresses, goodbye)."""
        return self._control.push(frame)

    def pop(self, chunk: int) -> bytes:
        """The next frames to write in one go, most urgent first: at least one, then up to `chunk`.

        Empty when nothing waits. Small frames share a write, since a TLS record and a system call
        each cost more than a vote.
        """
        parts: list[bytes] = []
        room = chunk
        while (queue := self._next()) is not None and (not parts or queue.head() <= room):
            parts.append(queue.pop())
            room -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def clear(self) -> None:
        """Forget all that waits (the connection is closing)."""
        for queue in self._order:
            while queue:
                queue.pop()

    def _next(self) -> BoundedQueue | None:
        return next((queue for queue in self._order if queue), None)
