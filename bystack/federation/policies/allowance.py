"""How much a signer may still sign of an asset: a bucket as the vault's own, per member.

It is full when it begins, counts by verified main-chain blocks, and is made anew from what the
audit log says was spent: so neither a restart nor a changed clock fills it (federation.md, 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bystack.ledger.buckets import Bucket, refilled
from bystack.ledger.terms import Limit


class Spent(NamedTuple):
    """What was allowed at a height."""

    height: int
    asset: bytes
    amount: int


def remaining(limit: Limit, spent: Iterable[Spent], height: int) -> int:
    """What `limit` leaves of its asset at `height`, after all of `spent` in order.

    Heights never go back: one below an earlier counts as that one. A limit that fell binds at once;
    what was spent beyond it leaves nothing.
    """
    bucket = Bucket(0, limit.asset, limit.capacity, 0)
    for one in spent:
        if one.asset == limit.asset:
            full = refilled(bucket, limit, max(one.height, bucket.counted))
            level = max(0, full.level - one.amount)
            bucket = Bucket(0, limit.asset, level, full.counted)
    return refilled(bucket, limit, max(height, bucket.counted)).level


def exceeded(
    limits: Iterable[Limit], spent: Iterable[Spent], sums: Mapping[bytes, int], height: int
) -> tuple[Limit, int] | None:
    """The first limit that `sums` do not fit under now, and what is left of it; None if all fit."""
    before = tuple(spent)
    for limit in limits:
        left = remaining(limit, before, height)
        if sums.get(limit.asset, 0) > left:
            return limit, left
    return None
