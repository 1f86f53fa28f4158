"""How much gossip of peers waits to be heard: bounded in number and bytes, in all and for each.

A peer gets in while it has no more inside than is still free. So one alone fills half the room,
two a third each, and however many flood it there is room left for whoever sends little. Source:
dynamic thresholds for shared memory (Choudhury and Hahne, 1998), with a factor of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

SIZE: Final = 16_000_000
"""Bytes that wait at most: many of the largest transactions."""


class Load(NamedTuple):
    """Messages, and their bytes."""

    number: int
    size: int


NOTHING: Final = Load(0, 0)


class WaitingRoom:
    """Room for `number` messages of `size` bytes together."""

    def __init__(self, number: int, size: int = SIZE) -> None:
        self._free = Load(number, size)
        self._inside: dict[bytes, Load] = {}

    @property
    def inside(self) -> Mapping[bytes, Load]:
        """What waits of each peer that has something inside."""
        return MappingProxyType(self._inside)

    def enter(self, peer: bytes, size: int) -> bool:
        """Whether a message of `size` bytes gets in; then it is inside."""
        mine = self._inside.get(peer, NOTHING)
        if mine.number >= self._free.number or mine.size + size > self._free.size:
            return False
        self._move(peer, 1, size)
        return True

    def leave(self, peer: bytes, size: int) -> None:
        """A message that got in is heard."""
        self._move(peer, -1, -size)

    def _move(self, peer: bytes, number: int, size: int) -> None:
        mine = self._inside.get(peer, NOTHING)
        self._free = Load(self._free.number - number, self._free.size - size)
        self._inside[peer] = Load(mine.number + number, mine.size + size)
        if self._inside[peer] == NOTHING:
            del self._inside[peer]
