"""Blocks as a changing hash rate finds them: exponential waiting times under the real rule."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from bystack.mainchain.chain import Entry, genesis_entry, next_target
from bystack.mainchain.params import MAIN, Params
from bystack.mainchain.work import target_of, work_of

HOUR = 3600.0
DAY = 24 * HOUR

# Far from its limits, so that a hundredfold jump either way finds none of them.
NETWORK = replace(MAIN, name="simulated", genesis_target=0x1B00FFFF)
USUAL = work_of(target_of(NETWORK.genesis_target)) / NETWORK.spacing
"""Hashes a second at which the genesis target gives the target spacing."""

Rate = Callable[["Simulation"], float]
"""How many times the usual hash rate searches now; asked anew every `step` seconds."""
Stamp = Callable[["Simulation"], int]


def honest(sim: Simulation) -> int:
    """The time a miner with a right clock writes."""
    return max(int(sim.now), sorted(sim.stamps)[len(sim.stamps) // 2] + 1)


@dataclass
class Simulation:
    """One chain growing; `times` are true seconds since the genesis, `stamps` the last eleven."""

    rate: Rate
    seed: int
    params: Params = NETWORK
    stamp: Stamp = honest
    step: float = 60.0
    now: float = 0.0
    times: list[float] = field(default_factory=list)
    stamps: Sequence[int] = (0,)
    tip: Entry = field(init=False)

    def __post_init__(self) -> None:
        self.tip = genesis_entry(self.params)
        self._random = random.Random(self.seed)
        self._searched = 0.0

    @property
    def target(self) -> int:
        """What the next block's digest must not exceed."""
        return target_of(next_target(self.tip, self.params))

    def run(self, until: float) -> Simulation:
        """Mine until so many seconds after the genesis."""
        luck = self._random.expovariate(1.0)
        work = work_of(self.target)
        while self.now < until:
            speed = self.rate(self) * USUAL
            wait = (luck * work - self._searched) / speed if speed else self.step
            if wait >= self.step:
                self._searched += speed * self.step
                self.now += self.step
                continue
            self.now += wait
            self._found()
            luck, work, self._searched = self._random.expovariate(1.0), work_of(self.target), 0.0
        return self

    def _found(self) -> None:
        stamp = self.stamp(self)
        self.times.append(self.now)
        self.stamps = (*self.stamps, stamp)[-11:]
        header = self.tip.header
        later = replace(header, height=header.height + 1, time=self.params.genesis_time + stamp)
        self.tip = replace(self.tip, header=later)


def spacing(runs: Sequence[Simulation], begin: float, end: float) -> float:
    """Mean seconds per block between two times, over all runs."""
    found = sum(sum(begin <= time < end for time in run.times) for run in runs)
    return (end - begin) * len(runs) / max(found, 1)


def by_time(*pieces: tuple[float, float]) -> Rate:
    """A hash rate that is each piece's second value from its first value on, seconds."""

    def rate(sim: Simulation) -> float:
        return [value for begin, value in pieces if begin <= sim.now][-1]

    return rate
