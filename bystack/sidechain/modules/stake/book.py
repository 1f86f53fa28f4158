"""The module's state, typed: every key it uses is named here.

Candidates are numbered without gaps (their place in the roster), so that the election walks them
and no other rule has to.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from bystack.primitives.codec import U63, decode, encode
from bystack.primitives.errors import Misuse
from bystack.sidechain.modules.base import PrefixedState
from bystack.sidechain.modules.stake.records import (
    MAX_CONFIG,
    Ballot,
    Ballots,
    Candidate,
    Returning,
    Returns,
    Seats,
    StakeConfig,
    Tally,
    Tomb,
)

NAME = "stake"
MAX_ENTRY = 100_000

CONFIG, COUNT, TALLY, SEATS, FORFEIT = b"config", b"count", b"tally", b"seats", b"forfeit"
CANDIDATE, ROSTER, BALLOTS = b"candidate/", b"roster/", b"ballots/"
EVERYONE, EVERY = b"everyone", b"every/"
RETURNS, NODE, TOMB = b"returns/", b"node/", b"tomb/"

T = TypeVar("T")


class Book:
    """Typed reads and writes of one state."""

    def __init__(self, state: PrefixedState) -> None:
        self._state = state

    def _read(self, kind: type[T], *parts: bytes | int) -> T | None:
        data = self._state.get(*parts)
        return None if data is None else decode(kind, data, MAX_ENTRY)

    def _write(self, value: Any, *parts: bytes | int) -> None:
        self._state.put(encode(value) if value else None, *parts)

    @cached_property
    def config(self) -> StakeConfig:
        """The module's genesis."""
        return decode(StakeConfig, self._state.get(CONFIG) or b"", MAX_CONFIG)

    # -- candidates

    def candidate(self, key: bytes) -> Candidate | None:
        """Who stands, or stood, with a validator key."""
        return self._read(Candidate, CANDIDATE, key)

    def keep(self, candidate: Candidate) -> None:
        """Write a candidate."""
        self._write(candidate, CANDIDATE, candidate.key)

    @property
    def count(self) -> int:
        """How many stand."""
        return self._read(U63, COUNT) or 0

    def roster(self) -> Iterator[Candidate]:
        """Everyone who stands, in no order that matters."""
        return (self._at(place) for place in range(self.count))

    @property
    def _every(self) -> int:
        return self._read(U63, EVERYONE) or 0

    def everyone(self) -> Iterator[Candidate]:
        """Who stands or ever stood: for queries, since nobody bounds it."""
        keys = (self._state.get(EVERY, number) or b"" for number in range(self._every))
        return (one for key in keys if (one := self.candidate(key)) is not None)

    def _at(self, place: int) -> Candidate:
        found = self.candidate(self._state.get(ROSTER, place) or b"")
        if found is None:
            raise Misuse(f"nobody at place {place} of the roster")
        return found

    def enter(self, candidate: Candidate) -> Candidate:
        """Put a candidate at the roster's end."""
        if self.candidate(candidate.key) is None:
            self._state.put(candidate.key, EVERY, self._every)
            self._write(self._every + 1, EVERYONE)
        place = self.count
        entered = msgspec.structs.replace(candidate, place=place, gone=0)
        self.keep(entered)
        self._state.put(entered.key, ROSTER, place)
        self._state.put(entered.key, NODE, entered.node)
        self._write(place + 1, COUNT)
        return entered

    def leave(self, candidate: Candidate) -> Candidate:
        """Take a candidate off the roster; the last one takes its place."""
        last = self._at(self.count - 1)
        if last.key != candidate.key:
            self.keep(msgspec.structs.replace(last, place=candidate.place))
            self._state.put(last.key, ROSTER, candidate.place)
        self._state.put(None, ROSTER, last.place)
        self._state.put(None, NODE, candidate.node)
        self._write(last.place, COUNT)
        left = msgspec.structs.replace(candidate, gone=1)
        self.keep(left)
        return left

    def at_node(self, node: bytes) -> bytes | None:
        """The key of the candidate that speaks from a node."""
        return self._state.get(NODE, node)

    def move_node(self, candidate: Candidate, node: bytes) -> Candidate:
        """A candidate speaks from another node."""
        self._state.put(None, NODE, candidate.node)
        self._state.put(candidate.key, NODE, node)
        return msgspec.structs.replace(candidate, node=node)

    # -- stake

    def ballots(self, key: bytes) -> tuple[Ballot, ...]:
        """The ballots for a candidate, by owner."""
        return self._read(Ballots, BALLOTS, key) or ()

    def keep_ballots(self, candidate: Candidate, ballots: tuple[Ballot, ...]) -> Candidate:
        """Write a candidate's ballots and with them its sums."""
        own = sum(one.amount for one in ballots if one.owner == candidate.operator)
        total = sum(one.amount for one in ballots)
        kept = msgspec.structs.replace(candidate, stake=total, own=own)
        in_order = tuple(sorted(ballots, key=lambda one: one.owner))
        self._write(in_order, BALLOTS, candidate.key)
        self.keep(kept)
        return kept

    def returns(self, owner: bytes) -> tuple[Returning, ...]:
        """What an owner took back and was not paid yet, the oldest first."""
        return self._read(Returns, RETURNS, owner) or ()

    def keep_returns(self, owner: bytes, returns: tuple[Returning, ...]) -> None:
        """Write what an owner waits for."""
        self._write(returns, RETURNS, owner)

    # -- evidence

    def tomb(self, name: bytes) -> Tomb | None:
        """When a validator key, or an operator (by policy root), was convicted."""
        return self._read(Tomb, TOMB, name)

    def bury(self, name: bytes, epoch: int) -> None:
        """A validator key or an operator is convicted."""
        self._write(Tomb(epoch), TOMB, name)

    @property
    def forfeit(self) -> int:
        """Stake lost to evidence that is not yet among the fees."""
        return self._read(U63, FORFEIT) or 0

    @forfeit.setter
    def forfeit(self, amount: int) -> None:
        self._write(amount, FORFEIT)

    # -- the epoch

    @property
    def tally(self) -> Tally | None:
        """What the validators of the epoch being counted did."""
        return self._read(Tally, TALLY)

    @tally.setter
    def tally(self, tally: Tally) -> None:
        self._write(tally, TALLY)

    @property
    def seats(self) -> Seats | None:
        """Who validated when the last election was held."""
        return self._read(Seats, SEATS)

    @seats.setter
    def seats(self, seats: Seats) -> None:
        self._write(seats, SEATS)
