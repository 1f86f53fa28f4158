"""The memory pool as plainly as it can be said: one list, searched anew for every question.

Nothing is remembered but who waits and since when; what the real pool keeps up to date is worked
out here each time. Rules stand in the order in which they refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bystack.ledger.candidates import RATE, Candidate, FeeNotHigher, PriorityLower, RelayUnpaid
from bystack.ledger.contention import (
    BuildsOnDisplaced,
    OperationUnconfirmed,
    SponsorUnconfirmed,
    TooManyAncestors,
    TooManyDescendants,
    TooManyDisplaced,
)
from bystack.ledger.crowding import PoolFull
from bystack.ledger.mempool import AlreadyPooled, FeeTooLow
from bystack.ledger.transactions import PolicyLock, Transaction
from bystack.primitives.errors import Invalid

Refusal = type[Invalid]


@dataclass
class Waiter:
    """One that waits, and since when."""

    one: Candidate
    since: int

    @property
    def id(self) -> bytes:
        return self.one.tx.id


class Model:
    """Waiters in order of arrival."""

    def __init__(self, most: int, increment: int, expiry: int) -> None:
        self.list: list[Waiter] = []
        self.most, self.increment, self.expiry = most, increment, expiry
        self.left: dict[bytes, int] = {}

    # Questions

    def find(self, id: bytes) -> Candidate | None:
        return next((w.one for w in self.list if w.id == id), None)

    def parents(self, one: Candidate) -> set[bytes]:
        spent = {place.transaction for place in one.tx.body.inputs}
        return {w.id for w in self.list if w.id in spent}

    def ancestors(self, one: Candidate) -> set[bytes]:
        found: set[bytes] = set()
        while True:
            older = [w.one for w in self.list if w.id in found]
            more = set().union(*(self.parents(each) for each in [one, *older]))
            if more <= found:
                return found
            found |= more

    def family(self, ids: Iterable[bytes]) -> set[bytes]:
        """These and all that build on them."""
        found = set(ids)
        while True:
            more = {w.id for w in self.list if self.parents(w.one) & found}
            if more <= found:
                return found
            found |= more

    def weight(self, ids: Iterable[bytes]) -> int:
        some = set(ids)
        return sum(w.one.weight for w in self.list if w.id in some)

    def worth(self, id: bytes) -> int:
        family = self.family([id])
        fee = sum(w.one.fee for w in self.list if w.id in family)
        own = next(w.one for w in self.list if w.id == id)
        return max(own.fee * RATE // own.weight, fee * RATE // self.weight(family))

    # Admission

    def admit(self, one: Candidate, floor: int, now: int) -> Refusal | list[bytes]:
        """The rule that refuses, or the ids put out in order of arrival."""
        out = self.refusal(one, floor) or self.displaced(one)
        if isinstance(out, type):
            return out
        out = self.too_related(one, out) or self.crowded(one, out)
        if isinstance(out, type):
            return out
        gone = self.remove(out)
        self.list.append(Waiter(one, self.left.pop(one.tx.id, now)))
        return gone

    def refusal(self, one: Candidate, floor: int) -> Refusal | None:
        if self.find(one.tx.id) is not None:
            return AlreadyPooled
        if one.fee * RATE // one.weight < floor:
            return FeeTooLow
        for place in one.tx.body.inputs:
            parent = self.find(place.transaction)
            if parent is None or place in one.vault_inputs:
                continue
            if one.priority is not None:
                return SponsorUnconfirmed
            lock = parent.tx.body.outputs[place.index].lock
            if parent.priority is not None and isinstance(lock, PolicyLock):
                return OperationUnconfirmed
        return None

    def displaced(self, one: Candidate) -> Refusal | set[bytes]:
        rivals = [w.one for w in self.list if {*w.one.claims} & {*one.claims}]
        paid: list[Candidate] = []
        for rival in rivals:
            ranks = one.priority is not None and rival.priority is not None
            if not ranks or not one.vault_inputs & rival.vault_inputs:
                paid.append(rival)
            elif (refused := self.outranked(one, rival)) is not None:
                return refused
        if len(paid) > 100:
            return TooManyDisplaced
        leaving = self.family(rival.tx.id for rival in paid)
        fees = sum(w.one.fee for w in self.list if w.id in leaving)
        if paid and (one.fee <= fees or one.rate <= max(rival.rate for rival in paid)):
            return FeeNotHigher
        if paid and (one.fee - fees) * RATE < self.increment * one.weight:
            return RelayUnpaid
        if len(leaving) > 100:
            return TooManyDisplaced
        return self.family(rival.tx.id for rival in rivals)

    def outranked(self, one: Candidate, rival: Candidate) -> Refusal | None:
        assert one.priority is not None and rival.priority is not None
        if one.priority < rival.priority:
            return PriorityLower
        if one.priority == rival.priority and one.rate <= rival.rate:
            return FeeNotHigher
        if one.priority == rival.priority and one.rate < rival.rate + self.increment:
            return RelayUnpaid
        return None

    def too_related(self, one: Candidate, out: set[bytes]) -> Refusal | None:
        ancestors = self.ancestors(one)
        if len(self.parents(one)) >= 25:
            return TooManyAncestors
        if ancestors & out:
            return BuildsOnDisplaced
        if len(ancestors) >= 25:
            return TooManyAncestors
        if any(len(self.family([id]) - out) >= 25 for id in ancestors):
            return TooManyDescendants
        return None

    def crowded(self, one: Candidate, out: set[bytes]) -> Refusal | set[bytes]:
        """The displaced and whoever must leave beside them, down to 95 % of the room."""
        total = self.weight(w.id for w in self.list) - self.weight(out) + one.weight
        if total <= self.most:
            return out
        gone, ancestors = set(out), self.ancestors(one)
        for worth, id in sorted((self.worth(w.id), w.id) for w in self.list):
            if total * 20 <= self.most * 19 or worth >= one.rate:
                break
            family = self.family([id]) - gone
            if not family & ancestors:
                total -= self.weight(family)
                gone |= family
        return PoolFull if total > self.most else gone

    def remove(self, ids: Iterable[bytes]) -> list[bytes]:
        gone = set(ids)
        order = [w.id for w in self.list if w.id in gone]
        self.list = [w for w in self.list if w.id not in gone]
        return order

    # The chain and the clock

    def connect(
        self,
        block: Sequence[Transaction],
        height: int,
        claims: Iterable[object] = (),
        doubtful: Iterable[bytes] = (),
    ) -> list[bytes]:
        self.remove(tx.id for tx in block)
        taken = {place for tx in block for place in tx.body.inputs} | set(claims)
        bad = set(doubtful)
        over = {w.id for w in self.list if {*w.one.claims} & taken or 0 < w.one.until < height}
        gone = self.family(over | {w.id for w in self.list if w.id in bad})
        self.left = {w.id: w.since for w in self.list if w.id in gone}
        return self.remove(gone)

    def age(self, now: int) -> list[bytes]:
        late = [w.id for w in self.list if w.since + self.expiry <= now]
        return self.remove(self.family(late))

    def drop(self, id: bytes) -> list[bytes]:
        return self.remove(self.family([id]) if self.find(id) else [])

    def disconnect(self) -> list[Candidate]:
        self.left = {w.id: w.since for w in self.list}
        gone, self.list = [w.one for w in self.list], []
        return gone
