"""What the parts of a membership may ask of the whole: so they need not know the member itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bystack.federation.bridge import Bridge, BridgeMessage
from bystack.federation.members import Member, Roster
from bystack.federation.purse import Purse
from bystack.node.federation.links import Links
from bystack.node.federation.setting import Setting
from bystack.p2p.host import Host

TURN_TICKS = 4
"""Whoever's turn it is has so many ticks of the clock before the next member tries."""


class Membership(Protocol):
    """One member's seat: its files, lines, purse, and its voice among the others."""

    setting: Setting
    links: Links
    host: Host
    bridge: Bridge | None

    @property
    def purse(self) -> Purse:
        """The sponsor's coins."""
        ...

    @property
    def roster(self) -> Roster:
        """Who sits in the federation: the members of the key epoch in force."""
        ...

    @property
    def seat(self) -> int:
        """This member's seat there; behind all others if it has none (any more)."""
        ...

    def expect(self, parties: tuple[Member, ...]) -> None:
        """Who takes part in a change beside those who sit: they are heard too."""
        ...

    def renew(self) -> None:
        """Another key epoch is in force."""
        ...

    async def ensure_bridge(self) -> Bridge | None:
        """The bridge of the certified key, once there is one."""
        ...

    async def signed(
        self, message: bytes, partials: list[bytes], named: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        """Our signer signed: count its partials and its named keys' (key, signature), say them."""
        ...

    def say(self, message: BridgeMessage) -> None:
        """To every other member."""
        ...

    def say_ceremony(self, seat: int | None, payload: bytes) -> None:
        """A ceremony message to one seat, or to all."""
        ...
