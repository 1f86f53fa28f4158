"""What members stated about the reserves, read from proved entries of the sidechain's state.

The chain took each statement with its member's signature, so an entry shows who said it; the
validators are trusted with that as with all of the state. An audit sets it beside its own terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bystack.federation.module.records import (
    MAX_ENTRY,
    NAME,
    RULES,
    STANDING,
    Rules,
    Standing,
    entry_key,
)
from bystack.federation.statements import MAX_STATEMENT, STATED, Statement, age
from bystack.primitives.codec import decode
from bystack.sidechain.params import Genesis


class Stated(NamedTuple):
    """A member and its last statement, if any; `lately`: of this interval or the last one."""

    member: str
    statement: Statement | None
    lately: bool


def first_wanted(genesis: Genesis) -> list[bytes]:
    """The entries that say who states, and how often; none without the federation's module."""
    if all(module.name != NAME for module in genesis.modules):
        return []
    return [entry_key(STANDING), entry_key(RULES)]


def then_wanted(entries: Mapping[bytes, bytes | None]) -> list[bytes]:
    """The entries of the statements of those who sit, by what was proved of who they are."""
    standing = _standing(entries)
    seats = () if standing is None else standing.seats
    return [entry_key(STATED, one.governance) for one in seats]


def stated(entries: Mapping[bytes, bytes | None], relay_height: int) -> tuple[Stated, ...]:
    """What each member stated last, in seat order; `relay_height`: of the block proved under."""
    standing, rules = _standing(entries), entries.get(entry_key(RULES))
    if standing is None or rules is None:
        return ()
    interval, found = decode(Rules, rules, MAX_ENTRY).statement, []
    for one in standing.seats:
        data = entries[entry_key(STATED, one.governance)]
        said = None if data is None else decode(Statement, data, MAX_STATEMENT)
        lately = said is not None and age(said, relay_height, interval) < 2
        found.append(Stated(one.member.name.decode(), said, lately))
    return tuple(found)


def _standing(entries: Mapping[bytes, bytes | None]) -> Standing | None:
    data = entries.get(entry_key(STANDING))
    return None if data is None else decode(Standing, data, MAX_ENTRY)
