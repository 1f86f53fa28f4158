"""What a guard watches for as long as it lasts: idle anchor, lagging relay, silence, low purse.

Each is raised when it has held long enough and ended when it is gone. `seeing` is decided here:
whether the guard's own node shows the chains as they are now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from bystack.federation.guarding.alarms import Alarm, Ended, Kind, Output, subject_of
from bystack.federation.guarding.view import Heard, View
from bystack.ledger.terms import Terms
from bystack.ledger.vault_state import AnchorState
from bystack.sidechain.params import Genesis

SILENT_MS: Final = 60_000
"""No final block for so long (or twenty empty intervals): the sidechain stands still."""
LASTING_MS: Final = 60_000
"""How long a lag or blindness must last before it is said."""
STALE_MS: Final = 15_000
"""A view older than this says nothing of the present: the follower did not answer since."""
LAG: Final = 48
LATE_TENTHS: Final = 9
LEAST_COINS: Final = 2
"""A freeze and a veto may be due in one block, and each needs a coin of its own."""


class Conditions:
    """The lasting alarms of one guard."""

    def __init__(self, genesis: Genesis, low_balance: int, standing: Collection[Alarm]) -> None:
        self._genesis, self._low = genesis, low_balance
        self._standing = {(one.kind, one.subject) for one in standing}
        self._since: dict[Kind, int] = {}
        self._silence = max(SILENT_MS, 20 * genesis.consensus.empty_interval)
        self._view: View | None = None
        self._progress = self._looked = 0
        self._now = 0

    @property
    def stands_still(self) -> bool:
        """The follower answers, has peers, and has had no final block for long."""
        quiet = self._now - self._progress >= self._silence
        return self._fresh and self._view is not None and self._view.peers > 0 and quiet

    @property
    def _fresh(self) -> bool:
        return self._now - self._looked <= STALE_MS

    @property
    def seeing(self) -> bool:
        """The follower shows the sidechain's present, or that it has none."""
        if self._view is None or not self._fresh:
            return False
        return self._now - self._view.time <= self._silence or self.stands_still

    def viewed(self, view: View, now: int) -> list[Output]:
        """The sidechain's final state as it stands now."""
        if self._view is None or view.height > self._view.height:
            self._progress = now
        self._view, self._looked, self._now = view, now, max(now, self._now)
        deficits = {asset.hex(): s.deficit for asset, s in view.sums.items() if s.deficit}
        stops = {"stops": view.stops.name or str(int(view.stops))}
        return [
            *self._lasting(Kind.DEFICIT, bool(deficits), {"deficits": deficits}),
            *self._lasting(Kind.STOPPED, bool(view.stops), stops),
        ]

    def heard(
        self, heard: Heard, height: int, anchor: AnchorState | None, terms: Terms
    ) -> list[Output]:
        """The clock: every condition anew; `height` of the own main chain."""
        self._now = heard.now
        blind = not (heard.caught_up and self.seeing)
        facts = {"height": height, "sidechain": self._view.height if self._view else -1}
        outputs = [
            *self._lasting(Kind.BLIND, self._held(Kind.BLIND, blind, LASTING_MS), facts),
            *self._purse(heard),
        ]
        if not blind and self._view is not None and anchor is not None:
            outputs += [*self._quiet(), *self._lag(height), *self._idle(height, anchor, terms)]
        return outputs

    def stand(
        self, kind: Kind, subject: bytes, there: bool, facts: Mapping[str, Any]
    ) -> Iterator[Output]:
        """Raise what begins to stand, end what ceased to."""
        if there and (kind, subject) not in self._standing:
            self._standing.add((kind, subject))
            yield Alarm(kind, subject, facts, standing=True)
        if not there and (kind, subject) in self._standing:
            self._standing.discard((kind, subject))
            yield Ended(kind, subject)

    def _lasting(self, kind: Kind, there: bool, facts: Mapping[str, Any]) -> Iterator[Output]:
        return self.stand(kind, subject_of(kind, self._genesis.id), there, facts)

    def _held(self, kind: Kind, there: bool, least: int) -> bool:
        """True once it was there for so many milliseconds without a break."""
        if not there:
            self._since.pop(kind, None)
            return False
        return self._now - self._since.setdefault(kind, self._now) >= least

    def _purse(self, heard: Heard) -> Iterator[Output]:
        little = heard.balance < self._low or heard.coins < LEAST_COINS
        facts = {"balance": heard.balance, "least": self._low, "coins": heard.coins}
        return self._lasting(Kind.PURSE_LOW, heard.caught_up and little, facts)

    def _quiet(self) -> Iterator[Output]:
        assert self._view is not None
        facts = {"height": self._view.height, "time": self._view.time // 1000}
        return self._lasting(Kind.SILENT, self.stands_still, facts)

    def _lag(self, height: int) -> Iterator[Output]:
        assert self._view is not None
        behind = height - self._view.relay_height
        lasting = self._held(Kind.RELAY_LAG, behind > LAG, LASTING_MS)
        return self._lasting(Kind.RELAY_LAG, lasting, {"blocks": behind})

    def _idle(self, height: int, anchor: AnchorState, terms: Terms) -> Iterator[Output]:
        """K14: half of recovery's time gone, and nine tenths of it."""
        idle, limit = height - anchor.touched, terms.recover.idle
        facts = {"touched": anchor.touched, "recovery_from": anchor.touched + limit}
        yield from self._lasting(Kind.IDLE_HALF, 2 * idle >= limit, facts)
        yield from self._lasting(Kind.IDLE_LATE, 10 * idle >= LATE_TENTHS * limit, facts)
