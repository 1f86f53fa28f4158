"""How often peers are answered: nobody is owed the same service twice at once."""

from __future__ import annotations

MAX_REMEMBERED = 1_024


class Courtesy:
    """One service of a kind to a node every `spacing` milliseconds."""

    def __init__(self) -> None:
        self._last: dict[tuple[bytes, str], int] = {}

    def allows(self, node: bytes, what: str, now: int, spacing: int) -> bool:
        """Whether a node may have this now; it counts as given then."""
        last = self._last.get((node, what))
        if last is not None and 0 <= now - last < spacing:
            return False
        if len(self._last) >= MAX_REMEMBERED:
            self._last.clear()
        self._last[node, what] = now
        return True
