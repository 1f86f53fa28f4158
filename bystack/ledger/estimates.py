"""What fee rate is mined within so many blocks, learnt from the transactions of one's own pool.

After Bitcoin Core's estimator: transactions fall into buckets by fee rate; for each bucket is kept
how many were mined after how many blocks, and how many left the pool unmined, the past fading block
by block. Three horizons see the last hours, days and weeks. What too few transactions speak for is
not answered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Annotated, NamedTuple

from msgspec import Meta

from bystack.primitives.codec import U63, Wire

LEAST_RATE = 1_000_000
STEP = 1.1
STEPS = 100
BOUNDS = tuple(accumulate(range(STEPS), lambda rate, _: int(rate * STEP), initial=LEAST_RATE))
BUCKETS = len(BOUNDS) + 1
"""Bucket 0 is below the first bound, bucket n from bound n − 1 up to bound n."""

MAX_RATE = 10**15
"""What pays more counts as paying this."""

LIKELY, SURE = 0.85, 0.95
MAX_TRACKED = 200_000
RESCALE = 1e60
PRECISION = 1_000_000

Counts = Annotated[tuple[U63, ...], Meta(min_length=BUCKETS, max_length=BUCKETS)]
Table = Annotated[tuple[Counts, ...], Meta(min_length=1, max_length=64)]


class HorizonRecord(Wire):
    """One horizon at rest: per bucket how many were mined and at which mean rate; then per period
    and bucket how many were mined in it, and how many left after it. Counts in millionths."""

    mined: Counts
    rates: Counts
    within: Table
    failed: Table


class FeeRecord(Wire):
    """What was learnt up to a height, every horizon."""

    height: U63
    horizons: Annotated[tuple[HorizonRecord, ...], Meta(min_length=3, max_length=3)]


class Span(NamedTuple):
    """A horizon's measure: `periods` of `blocks` each, what is left of a count after one block, and
    how many transactions a block must have had for an answer."""

    blocks: int
    periods: int
    decay: float
    enough: float

    @property
    def reach(self) -> int:
        """The highest number of blocks that it can speak of."""
        return self.blocks * self.periods


SPANS = (Span(1, 12, 0.962, 0.5), Span(2, 24, 0.9952, 0.1), Span(24, 42, 0.99931, 0.1))
MAX_TARGET = SPANS[-1].reach


def bucket_of(rate: int) -> int:
    """The bucket of a fee rate."""
    return bisect_right(BOUNDS, rate)


class Horizon:
    """The counts of one span. Instead of fading the past, each block makes the present weigh more;
    `_unit` is what one transaction weighs now."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self._unit = 1.0
        self._mined = [0.0] * BUCKETS
        self._rates = [0.0] * BUCKETS
        self._within = [[0.0] * BUCKETS for _ in range(span.periods)]
        self._failed = [[0.0] * BUCKETS for _ in range(span.periods)]

    def block(self) -> None:
        """A block came: the past fades."""
        self._unit /= self.span.decay
        if self._unit > RESCALE:
            for row in (self._mined, self._rates, *self._within, *self._failed):
                row[:] = [value / self._unit for value in row]
            self._unit = 1.0

    def mined(self, rate: int, blocks: int) -> None:
        """One of this rate was mined, `blocks` after it came."""
        bucket, period = bucket_of(rate), (blocks - 1) // self.span.blocks
        self._mined[bucket] += self._unit
        self._rates[bucket] += self._unit * rate
        if period < self.span.periods:
            self._within[period][bucket] += self._unit

    def left(self, rate: int, blocks: int) -> None:
        """One of this rate left unmined, `blocks` after it came."""
        periods = min(blocks // self.span.blocks, self.span.periods)
        if periods:
            self._failed[periods - 1][bucket_of(rate)] += self._unit

    def lowest(self, target: int, share: float, waiting: Mapping[int, int]) -> int | None:
        """The lowest rate of which `share` was mined within `target` blocks; None for want of data.

        `waiting` says per bucket how many wait that long already.
        """
        period = (target - 1) // self.span.blocks
        enough = self.span.enough / (1 - self.span.decay)
        found: list[int] = []
        group, done, seen = list[int](), 0.0, 0.0
        for bucket in reversed(range(BUCKETS)):
            group.append(bucket)
            done += sum(row[bucket] for row in self._within[: period + 1]) / self._unit
            failed = sum(row[bucket] for row in self._failed[period:]) / self._unit
            seen += self._mined[bucket] / self._unit + failed + waiting.get(bucket, 0)
            if seen < enough:
                continue
            if done < share * seen:
                break
            found, group, done, seen = group, [], 0.0, 0.0
        return self._median(found)

    def _median(self, group: list[int]) -> int | None:
        """The mean rate of the bucket in the middle of a group's transactions."""
        half = sum(self._mined[bucket] for bucket in group) / 2
        for bucket in sorted(group):
            half -= self._mined[bucket]
            if half <= 0 and self._mined[bucket]:
                return int(self._rates[bucket] / self._mined[bucket])
        return None

    def record(self) -> HorizonRecord:
        """The counts as they rest on disk."""
        rates = (r / m if m else 0.0 for r, m in zip(self._rates, self._mined, strict=True))
        return HorizonRecord(
            self._fixed(self._mined),
            tuple(map(int, rates)),
            tuple(map(self._fixed, self._within)),
            tuple(map(self._fixed, self._failed)),
        )

    def restore(self, kept: HorizonRecord) -> None:
        """Go on from a record."""
        self._unit = 1.0
        self._mined = [count / PRECISION for count in kept.mined]
        self._rates = [m * rate for m, rate in zip(self._mined, kept.rates, strict=True)]
        self._within = [[count / PRECISION for count in row] for row in kept.within]
        self._failed = [[count / PRECISION for count in row] for row in kept.failed]

    def _fixed(self, row: list[float]) -> tuple[int, ...]:
        return tuple(int(value / self._unit * PRECISION) for value in row)


class Estimate(NamedTuple):
    """A fee rate (per million of weight) and within how many blocks it is likely mined."""

    rate: int
    blocks: int


class Tracked(NamedTuple):
    """One that waits: its rate, and the height of the tip when it came."""

    rate: int
    height: int


class FeeEstimates:
    """Learns from a pool (`node.pool.pool.Observer`); `live` is whether the chain is up to date."""

    def __init__(self) -> None:
        self.live = True
        self.height = 0
        self._horizons = tuple(map(Horizon, SPANS))
        self._tracked: dict[bytes, Tracked] = {}

    def entered(self, id: bytes, rate: int, height: int, /) -> None:
        """One came in that builds on nothing unconfirmed, on top of the block at `height`."""
        self.height = max(self.height, height)  # after a start no block has told it yet
        if self.live and len(self._tracked) < MAX_TRACKED:
            self._tracked[id] = Tracked(min(rate, MAX_RATE), height)

    def mined(self, ids: Iterable[bytes], height: int, /) -> None:
        """A block at `height` holds these."""
        self.height = height
        for horizon in self._horizons:
            horizon.block()
        for one in (self._tracked.pop(id, None) for id in ids):
            if one is not None and height > one.height:
                for horizon in self._horizons:
                    horizon.mined(one.rate, height - one.height)

    def left(self, id: bytes, /) -> None:
        """One went, and no block has it."""
        one = self._tracked.pop(id, None)
        if one is not None:
            waited = max(0, self.height - one.height)  # a reorganisation may have gone below it
            for horizon in self._horizons:
                horizon.left(one.rate, waited)

    def estimate(self, target: int) -> Estimate | None:
        """The rate mined within `target` blocks (1 to `MAX_TARGET`); None where too little is
        known. It is likely within the target and almost sure within twice as many blocks."""
        likely = self._lowest(target, LIKELY)
        if likely is None:
            return None
        sure = self._lowest(min(2 * target, MAX_TARGET), SURE)
        return Estimate(max(likely, sure or 0), target)

    def _lowest(self, target: int, share: float) -> int | None:
        """By the shortest horizon that reaches so far and knows enough."""
        waiting: dict[int, int] = {}
        for one in self._tracked.values():
            if self.height - one.height >= target:
                bucket = bucket_of(one.rate)
                waiting[bucket] = waiting.get(bucket, 0) + 1
        reaching = [one for one in self._horizons if one.span.reach >= target]
        answers = (one.lowest(target, share, waiting) for one in reaching)
        return next((rate for rate in answers if rate is not None), None)

    def record(self) -> FeeRecord:
        """What was learnt, as it rests on disk."""
        return FeeRecord(self.height, tuple(one.record() for one in self._horizons))

    def restore(self, kept: FeeRecord) -> None:
        """Go on from a record of an earlier run; one of other spans is not for us."""
        shapes = [(len(one.within), len(one.failed)) for one in kept.horizons]
        if shapes == [(span.periods, span.periods) for span in SPANS]:
            for horizon, record in zip(self._horizons, kept.horizons, strict=True):
                horizon.restore(record)
