"""The switches: claims, burns, batches, signing; by one member for a while, lifted by a quorum.

Overlapping pauses do not add: the end is the later of the two. Heights are relayed main-chain
heights. Outflows are never netted with inflows, so those queued after a pause wait for the bucket
like all others (federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bystack.federation.module.records import Rules, number_at, put_number
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import PrefixedState

CLAIMS, BURNS, BATCHES, SIGNING = 1, 2, 4, 8
EVERYTHING = CLAIMS | BURNS | BATCHES | SIGNING

UNTIL: Final = b"until"
"""With a switch as second part: the entry that says until which relayed height it pauses."""

SWITCHES: Final[Mapping[str, int]] = MappingProxyType(
    {"claims": CLAIMS, "burns": BURNS, "batches": BATCHES, "signing": SIGNING}
)


class PausedTooOften(Invalid):
    """A member pauses once in a while only."""


class FederationPaused(Invalid):
    """The federation has paused this."""


class PauseEmpty(Invalid):
    """The pause names nothing, or something unknown, to be paused."""


def until(state: PrefixedState, what: int) -> int:
    """The relayed height until which a switch pauses, 0 where it never did."""
    return number_at(state, UNTIL, what)


def paused(state: PrefixedState, what: int, height: int) -> bool:
    """True while `what` is paused at this relayed height."""
    return height < until(state, what)


def any_paused(state: PrefixedState, height: int) -> bool:
    """True while any switch pauses."""
    return any(paused(state, what, height) for what in SWITCHES.values())


def refuse_paused(state: PrefixedState, name: str, height: int) -> None:
    """Raise `FederationPaused` while the switch of this name pauses."""
    if paused(state, SWITCHES[name], height):
        raise FederationPaused(what=name, until=until(state, SWITCHES[name]))


def pause(state: PrefixedState, rules: Rules, identity: bytes, what: int, height: int) -> None:
    """One member pauses; raises `PauseEmpty`, `PausedTooOften`."""
    last = state.get(b"paused", identity)
    if last is not None and height < number_at(state, b"paused", identity) + rules.rest:
        raise PausedTooOften(member=identity, height=height, rest=rules.rest)
    hold(state, what, height + rules.pause)
    put_number(state, height, b"paused", identity)


def hold(state: PrefixedState, what: int, end: int) -> None:
    """Pause until a height at least; raises `PauseEmpty`."""
    if not 0 < what <= EVERYTHING:
        raise PauseEmpty(what=what)
    for switch in SWITCHES.values():
        if what & switch:
            put_number(state, max(until(state, switch), end), UNTIL, switch)


def resume(state: PrefixedState) -> None:
    """Lift every pause."""
    for switch in SWITCHES.values():
        state.put(None, UNTIL, switch)
