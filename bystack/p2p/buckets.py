"""How fast one peer, or one address, may make us work: token buckets on a steady clock."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """So many tokens a second, saved up to `burst`."""

    per_second: float
    burst: float


class TokenBucket:
    """Tokens that refill with time; taking more than there are leaves a debt to wait off."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = now

    def take(self, tokens: float, now: float) -> float:
        """Take tokens; the seconds to wait until the bucket is out of debt (0: go on)."""
        self._refill(now)
        self._tokens -= tokens
        return max(0.0, -self._tokens / self._rate.per_second)

    def try_take(self, tokens: float, now: float) -> bool:
        """Take tokens if they are there; False, taking none, if not."""
        self._refill(now)
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True

    def _refill(self, now: float) -> None:
        gained = max(0.0, now - self._at) * self._rate.per_second
        self._tokens = min(self._rate.burst, self._tokens + gained)
        self._at = now


class AddressBuckets:
    """One bucket per address, for the addresses seen last; memory is bounded by `limit`."""

    def __init__(self, rate: Rate, limit: int = 4096) -> None:
        self._rate = rate
        self._limit = limit
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def try_take(self, address: str, now: float) -> bool:
        """Take one token of an address's bucket; False when it is empty."""
        bucket = self._buckets.setdefault(address, TokenBucket(self._rate, now))
        self._buckets.move_to_end(address)
        if len(self._buckets) > self._limit:
            self._buckets.popitem(last=False)
        return bucket.try_take(1, now)
