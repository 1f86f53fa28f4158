"""Who leaves a full memory pool: the lowest worth first, with whatever builds on it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from bystack.ledger.candidates import Candidate
from bystack.ledger.contention import NOBODY
from bystack.ledger.waiting import Waiting
from bystack.primitives.errors import Invalid


class PoolFull(Invalid):
    """The pool is full of transactions that pay more."""


class Crowded(NamedTuple):
    """Who has to leave, and the highest rate that one of them earned a block."""

    leaving: Collection[bytes]
    worth: int


def crowded_out(
    waiting: Waiting, candidate: Candidate, displaced: Collection[bytes], most: int
) -> Crowded:
    """Who must leave so that the candidate fits into a pool of weight `most`.

    Down to 95 %, so that not every transaction of a full pool puts another out. Whom the candidate
    builds on or displaces is passed over. Raises `PoolFull` when they are worth more than it.
    """
    weight = waiting.weight + candidate.weight - _sum(waiting, displaced)
    if weight <= most:
        return Crowded(NOBODY, 0)
    ancestors, crowded, worth = waiting.ancestors(candidate), set[bytes](), 0
    passed: list[tuple[int, bytes]] = []
    while weight * 20 > most * 19 and (one := waiting.cheapest.take()):
        passed.append(one)
        if one[0] >= candidate.rate:
            break
        family = waiting.families([one[1]]).difference(displaced, crowded)
        if family and family.isdisjoint(ancestors):
            crowded |= family
            weight -= _sum(waiting, family)
            worth = one[0]
    for number, identity in passed:
        waiting.cheapest.put(number, identity)
    if weight > most:
        raise PoolFull(rate=candidate.rate, weight=waiting.weight)
    return Crowded(crowded, worth)


def _sum(waiting: Waiting, identities: Collection[bytes]) -> int:
    return sum(waiting[identity].weight for identity in identities)
