"""The switches: claims, burns, batches, signing; by one member for a while, lifted by a quorum.

Overlapping pauses do not add: the end is the later of the two. Heights are relayed main-chain
heights. Outflows are never netted with inflows, so those queued after a pause wait for the bucket
like all others (federation.md, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

from bystack.federation.module.actions import Pause
from bystack.federation.module.records import (
    Rules,
    get_entry,
    number_at,
    put_entry,
    put_number,
)
from bystack.primitives.codec import U8, U63, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import PrefixedState

CLAIMS, BURNS, BATCHES, SIGNING = 1, 2, 4, 8
EVERYTHING = CLAIMS | BURNS | BATCHES | SIGNING

UNTIL: Final = b"until"
"""With a switch as second part: the entry that says until which relayed height it pauses."""

PAUSED: Final = b"paused"
"""With a member's identity as second part: its last pause."""

SWITCHES: Final[Mapping[str, int]] = MappingProxyType(
    {"claims": CLAIMS, "burns": BURNS, "batches": BATCHES, "signing": SIGNING}
)


class PausedTooOften(Invalid):
    """A member pauses once in a while only."""


class FederationPaused(Invalid):
    """The federation has paused this."""


class PauseEmpty(Invalid):
    """The pause names nothing, or something unknown, to be paused."""


class Paused(Wire):
    """A member's last pause: of what, since which relayed height, why."""

    what: U8
    since: U63
    reason: Annotated[str, Meta(max_length=200)]


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


def last_pause(state: PrefixedState, identity: bytes) -> Paused | None:
    """The last pause of a member, if any."""
    return get_entry(state, Paused, PAUSED, identity)


def pause(state: PrefixedState, rules: Rules, identity: bytes, action: Pause, height: int) -> None:
    """One member pauses; raises `PauseEmpty`, `PausedTooOften`."""
    last = last_pause(state, identity)
    if last is not None and height < last.since + rules.rest:
        raise PausedTooOften(member=identity, height=height, again=last.since + rules.rest)
    hold(state, action.what, height + rules.pause)
    put_entry(state, Paused(action.what, height, action.reason), PAUSED, identity)


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
