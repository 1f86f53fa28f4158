"""Lists in a module's state: to append, to take out anywhere, to walk from the head.

Each of these touches at most four entries, however long the list is: a block's work stays bounded.
Elements are 32 bytes; `name` are the key parts below which a list lies, of one width for all lists
of a kind.
"""

from __future__ import annotations

from collections.abc import Iterator

from bystack.sidechain.modules.base import PrefixedState

NONE = bytes(32)


class Linked:
    """A doubly linked list: first and last at its name, each element's neighbours below it."""

    def __init__(self, state: PrefixedState, *name: bytes | int) -> None:
        self._state, self._name = state, name

    def append(self, element: bytes) -> None:
        """Put an element that is not in the list at its end."""
        first, last = self._pair()
        self._put(last, NONE, element)
        if last == NONE:
            self._put(element, element)
            return
        before, _ = self._pair(last)
        self._put(before, element, last)
        self._put(first, element)

    def remove(self, element: bytes) -> None:
        """Take an element of the list out."""
        before, after = self._pair(element)
        first, last = self._pair()
        self._state.put(None, *self._name, element)
        if before != NONE:
            self._put(self._pair(before)[0], after, before)
        if after != NONE:
            self._put(before, self._pair(after)[1], after)
        self._put(after if before == NONE else first, before if after == NONE else last)

    def first(self) -> bytes | None:
        """The element appended longest ago."""
        first, _ = self._pair()
        return None if first == NONE else first

    def walk(self, most: int, after: bytes | None = None) -> Iterator[bytes]:
        """At most `most` elements from the head, or from behind an element of the list."""
        here = self._pair()[0] if after is None else self._pair(after)[1]
        while here != NONE and most > 0:
            yield here
            here, most = self._pair(here)[1], most - 1

    def holds(self, element: bytes) -> bool:
        """Whether the element is in the list."""
        return self._state.get(*self._name, element) is not None

    def _pair(self, *element: bytes) -> tuple[bytes, bytes]:
        data = self._state.get(*self._name, *element) or NONE + NONE
        return data[:32], data[32:]

    def _put(self, one: bytes, two: bytes, *element: bytes) -> None:
        empty = not element and one == NONE
        self._state.put(None if empty else one + two, *self._name, *element)
