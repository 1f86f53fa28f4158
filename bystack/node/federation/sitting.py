"""Who sits with whom: the seats of the key epoch in force, and who takes part in a change besides.

The roster file says who founded the federation; since then the sidechain's state decides. A
member that joins is heard from the moment its change is decided.
"""

from __future__ import annotations

from collections.abc import Callable

from bystack.federation.members import Member, Roster


class Sitting:
    """Seats by node and by number. `identity`: this member's; `roster`: of the file, at first.

    Newcomers have the numbers behind the last seat.
    """

    def __init__(self, identity: bytes, roster: Roster) -> None:
        self._identity, self._founders = identity, roster
        self.roster = roster
        self.newcomers: tuple[Member, ...] = ()

    @property
    def everyone(self) -> tuple[Member, ...]:
        """The members by number: who sits, then who is to."""
        return (*self.roster.members, *self.newcomers)

    @property
    def seat(self) -> int:
        """This member's number; behind all others if it has none (any more)."""
        return self.number(lambda one: one.identity == self._identity)

    def number(self, fits: Callable[[Member], bool]) -> int:
        """The number of the first member that fits; one more than the last if none does."""
        everyone = self.everyone
        return next((at for at, one in enumerate(everyone) if fits(one)), len(everyone))

    def of_node(self, node: bytes) -> int | None:
        """The number of the member behind a node; None for a stranger."""
        found = self.number(lambda one: one.node == node)
        return found if found < len(self.everyone) else None

    @property
    def nodes(self) -> frozenset[bytes]:
        """Whom to admit: founders too, who may have to be told that they left."""
        return frozenset(one.node for one in (*self._founders.members, *self.everyone))

    def take(self, roster: Roster) -> None:
        """Another epoch is in force."""
        self.roster = roster
        self.expect(self.newcomers)

    def expect(self, parties: tuple[Member, ...]) -> None:
        """Who takes part in a change, of whom some may sit already."""
        sitting = {one.node for one in self.roster.members}
        self.newcomers = tuple(one for one in parties if one.node not in sitting)
