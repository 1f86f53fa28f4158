"""The prices at which a book has orders, sorted: a set of 32-bit numbers in four levels of bits.

Each node is 256 bits, one for each byte that follows its prefix; a bit is set while anything lies
below it (the idea of van Emde Boas' queues, 1977, with 256 children). To add, to take out and to
find the next higher or lower price reads at most eight nodes, however many prices there are.
"""

from __future__ import annotations

from bystack.sidechain.modules.base import PrefixedState

LEVELS = 4
MAX_PRICE = 2**32 - 1
_ALL = 2**256 - 1


class Prices:
    """A sorted set of prices 0…2³²−1 under the key parts `name`."""

    def __init__(self, state: PrefixedState, *name: bytes | int) -> None:
        self._state, self._name = state, name

    def add(self, price: int) -> None:
        """Put a price in; nothing happens if it is there."""
        for level in reversed(range(LEVELS)):
            bits = self._bits(level, price)
            self._write(level, price, bits | 1 << _digit(price, level))
            if bits:  # the levels above know already
                return

    def remove(self, price: int) -> None:
        """Take a price out."""
        for level in reversed(range(LEVELS)):
            bits = self._bits(level, price) & ~(1 << _digit(price, level))
            self._write(level, price, bits)
            if bits:
                return

    def lowest(self, least: int = 0) -> int | None:
        """The lowest price that is at least `least`."""
        return self._seek(least, up=True)

    def highest(self, most: int = MAX_PRICE) -> int | None:
        """The highest price that is at most `most`."""
        return self._seek(most, up=False)

    def _seek(self, start: int, *, up: bool) -> int | None:
        """Up the levels to the first node with a bit at or beyond `start`'s, then down again."""
        if not 0 <= start <= MAX_PRICE:
            return None
        for level in reversed(range(LEVELS)):
            digit = _digit(start, level)
            if level < LEVELS - 1:  # what lies below the digit itself was looked at
                digit += 1 if up else -1
            found = self._next(level, start, digit, up=up)
            if found is not None:
                return self._descend(level, found, up=up)
        return None

    def _next(self, level: int, price: int, digit: int, *, up: bool) -> int | None:
        """The price, cut off after this level, of the nearest bit from `digit` on."""
        if not 0 <= digit <= 255:
            return None
        mask = _ALL << digit if up else (2 << digit) - 1
        bits = self._bits(level, price) & mask
        if not bits:
            return None
        nearest = (bits & -bits).bit_length() - 1 if up else bits.bit_length() - 1
        shift = 8 * (LEVELS - 1 - level)
        return (price >> shift + 8 << 8 | nearest) << shift

    def _descend(self, level: int, price: int, *, up: bool) -> int:
        for below in range(level + 1, LEVELS):
            found = self._next(below, price, 0 if up else 255, up=up)
            assert found is not None  # a bit is set only while something lies below it
            price = found
        return price

    def _bits(self, level: int, price: int) -> int:
        return int.from_bytes(self._state.get(*self._key(level, price)) or b"", "big")

    def _write(self, level: int, price: int, bits: int) -> None:
        data = bits.to_bytes(32, "big") if bits else None
        self._state.put(data, *self._key(level, price))

    def _key(self, level: int, price: int) -> tuple[bytes | int, ...]:
        return (*self._name, level, price >> 8 * (LEVELS - level))


def _digit(price: int, level: int) -> int:
    return price >> 8 * (LEVELS - 1 - level) & 255
