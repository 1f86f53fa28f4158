"""Mappings that know which of their rows differ from what is stored.

A machine changes its state as it likes; whoever keeps it on disk takes the changes from time to
time and writes those rows only, in one batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_NONE: Any = object()


class Rows(dict[K, V]):
    """A dict that remembers the keys set or deleted since `taken`; it starts as stored."""

    def __init__(self, stored: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        super().__init__(stored)
        self._changed: set[K] = set()

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self._changed.add(key)

    def __delitem__(self, key: K) -> None:
        super().__delitem__(key)
        self._changed.add(key)

    def pop(self, key: K, default: Any = _NONE) -> Any:
        """As `dict.pop`."""
        if key in self:
            self._changed.add(key)
        return super().pop(key) if default is _NONE else super().pop(key, default)

    def popitem(self) -> tuple[K, V]:
        """As `dict.popitem`: the row set last."""
        key, value = super().popitem()
        self._changed.add(key)
        return key, value

    def clear(self) -> None:
        """Delete every row."""
        self._changed.update(self)
        super().clear()

    def update(self, rows: Any = (), /, **named: V) -> None:
        """As `dict.update`."""
        for key, value in dict(rows, **named).items():
            self[key] = value

    @property
    def changed(self) -> bool:
        """Whether there is anything to store."""
        return bool(self._changed)

    def taken(self) -> dict[K, V | None]:
        """The rows changed since the last call, None for one deleted."""
        changes = {key: self.get(key) for key in self._changed}
        self._changed.clear()
        return changes

    def not_stored(self, changes: Iterable[K]) -> None:
        """The rows taken last did not reach the store: they differ from it still."""
        self._changed.update(changes)
