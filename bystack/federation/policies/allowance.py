"""How much a signer may still sign of an asset: a bucket as the vault's own, per member.

It is full when it begins, counts by verified main-chain blocks, and is made anew from what the
audit log says was spent: so neither a restart nor a changed clock fills it (federation.md, 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bystack.ledger.buckets import Bucket, refilled
from bystack.ledger.terms import Limit

MAX_COUNTED: Final = 256
"""Limits whose counting is remembered: those in force, and a few that were."""


class Spent(NamedTuple):
    """What was allowed at a height."""

    height: int
    asset: bytes
    amount: int


@dataclass
class Spending:
    """What was allowed, in order, and how far each limit has been counted through it."""

    rows: list[Spent] = field(default_factory=list)
    _counted: dict[Limit, tuple[int, Bucket]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def remaining(self, limit: Limit, height: int) -> int:
        """What `limit` leaves of its asset at `height`, after all of it.

        Heights never go back: one below an earlier counts as that one. A limit that fell binds at
        once; what was spent beyond it leaves nothing.
        """
        full = Bucket(0, limit.asset, limit.capacity, 0)
        count, bucket = self._counted.get(limit, (0, full))
        for one in self.rows[count:]:
            if one.asset == limit.asset:
                bucket = _taken(bucket, limit, one)
        if len(self._counted) >= MAX_COUNTED:
            self._counted.clear()
        self._counted[limit] = len(self.rows), bucket
        return refilled(bucket, limit, max(height, bucket.counted)).level


def _taken(bucket: Bucket, limit: Limit, one: Spent) -> Bucket:
    full = refilled(bucket, limit, max(one.height, bucket.counted))
    return Bucket(0, limit.asset, max(0, full.level - one.amount), full.counted)


def exceeded(
    limits: Iterable[Limit], spending: Spending, sums: Mapping[bytes, int], height: int
) -> tuple[Limit, int] | None:
    """The first limit that `sums` do not fit under now, and what is left of it; None if all fit."""
    for limit in limits:
        left = spending.remaining(limit, height)
        if sums.get(limit.asset, 0) > left:
            return limit, left
    return None
