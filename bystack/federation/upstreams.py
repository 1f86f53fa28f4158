"""How many main-chain nodes a signer has heard the headers from that it goes by.

Work decides which chain is best, never who says it (P02). But one source may keep back what others
would show; so a signer may ask that several, heard lately, agree with it up to K blocks below its
tip, and signs nothing while fewer do (P03: it fails closed).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bystack.sidechain.relay import RelayView

OWN: Final = "own"
"""The member's own node, which counts as one."""
AGE: Final = 600
"""Seconds for which a source's word counts."""


class Heard(NamedTuple):
    """The highest header that a source showed and that was on the best chain, and when."""

    height: int
    id: bytes
    time: int


class Upstreams:
    """What each source showed last. `needed`: how many must agree; 1 asks for nothing."""

    def __init__(self, needed: int, sources: frozenset[str], age: int = AGE) -> None:
        self.needed, self._sources, self._age = needed, sources | {OWN}, age
        self._heard: dict[str, Heard] = {}

    def hear(self, source: str, view: RelayView, ids: list[bytes], now: int) -> bool:
        """A source showed headers of these ids, oldest first; whether it is one of those named.

        What counts is the highest of them on the best chain: who follows another one is no witness
        of this one beyond where they part.
        """
        if source not in self._sources:
            return False
        for id in reversed(ids):
            entry = view.entry(id)
            if entry is not None:
                self._heard[source] = Heard(entry.header.height, id, now)
                return True
        self._heard.pop(source, None)
        return True

    def agreeing(self, view: RelayView, depth: int, now: int) -> tuple[str, ...]:
        """The sources heard lately whose header is on the best chain, less than K below its tip."""
        tip = view.best().header.height
        return tuple(
            source
            for source, heard in sorted(self._heard.items())
            if now - heard.time <= self._age
            and tip - heard.height < max(1, depth)
            and view.entry(heard.id) is not None
        )

    def lack(self, view: RelayView, depth: int, now: int) -> str:
        """Why nothing may be signed now; empty when enough agree."""
        agreeing = self.agreeing(view, depth, now)
        if len(agreeing) >= self.needed or self.needed < 2:
            return ""
        names = ", ".join(agreeing) or "none"
        return f"{len(agreeing)} of {self.needed} main-chain nodes agree on the chain: {names}"
