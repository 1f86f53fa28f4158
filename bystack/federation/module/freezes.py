"""Frozen destinations: a burn to one is refused up-front, with the rule and where it is written.

A freeze never moves or re-routes value: what was burned before stays owed to its destination, and
only a refund, to the burner, ends a request that waits (K21).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from msgspec import Meta

from bystack.federation.module.decisions import Freeze, Text
from bystack.federation.module.records import get_entry, number_at, put_entry, put_number
from bystack.primitives.codec import U63, Wire
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged
from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.modules.linked import Linked

MAX_FROZEN: Final = 10_000
FROZEN: Final = b"frozen"
"""With `destination_id` as second part: the entry of one frozen destination."""

COUNT: Final = b"freezes/count"
"""The entry that says how many destinations are frozen."""

_LIST: Final = b"freezes/list"

destination_id = tagged("federation/destination")


class DestinationFrozen(Invalid):
    """The federation has frozen this destination: nothing is burned to it."""


class FrozenAlready(Invalid):
    """The destination is frozen."""


class NotFrozen(Invalid):
    """The destination is not frozen."""


class TooManyFreezes(Invalid):
    """The list of frozen destinations is full."""


class Frozen(Wire):
    """A frozen destination (an encoded lock), by which rule; `number`: of the decision."""

    destination: Annotated[bytes, Meta(min_length=1, max_length=200)]
    rule: Text
    reference: Text
    number: U63
    since: U63


def refuse_frozen(state: PrefixedState, destination: bytes) -> None:
    """Raise `DestinationFrozen` for a destination that is."""
    found = get_entry(state, Frozen, FROZEN, destination_id(destination))
    if found is not None:
        raise DestinationFrozen(
            destination=destination,
            rule=found.rule.decode(errors="replace"),
            reference=found.reference.decode(errors="replace"),
            decision=found.number,
        )


def freeze(state: PrefixedState, number: int, decision: Freeze, height: int) -> None:
    """Put a destination on the list; raises `FrozenAlready`, `TooManyFreezes`."""
    id, count = destination_id(decision.destination), number_at(state, COUNT)
    if state.get(FROZEN, id) is not None:
        raise FrozenAlready(destination=decision.destination)
    if count >= MAX_FROZEN:
        raise TooManyFreezes(most=MAX_FROZEN)
    row = Frozen(decision.destination, decision.rule, decision.reference, number, height)
    put_entry(state, row, FROZEN, id)
    Linked(state, _LIST).append(id)
    put_number(state, count + 1, COUNT)


def unfreeze(state: PrefixedState, destination: bytes) -> None:
    """Take a destination off the list; raises `NotFrozen`."""
    id = destination_id(destination)
    if state.get(FROZEN, id) is None:
        raise NotFrozen(destination=destination)
    put_entry(state, None, FROZEN, id)
    Linked(state, _LIST).remove(id)
    put_number(state, number_at(state, COUNT) - 1, COUNT)


def frozen(state: PrefixedState, most: int, after: bytes | None = None) -> Iterator[Frozen]:
    """At most `most` frozen destinations in order of decision, from behind an id of the list."""
    for id in Linked(state, _LIST).walk(most, after):
        found = get_entry(state, Frozen, FROZEN, id)
        if found is not None:
            yield found
