"""Who validates when: one set for ever, or another one every few heights."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from functools import lru_cache

from bystack.sidechain.consensus.events import FOREVER, Config, Era
from bystack.sidechain.consensus.validators import ValidatorSet
from tests.simulation.schemes import Keyring

CHAIN = hashlib.sha256(b"simulated chain").digest()
LEAST = 4
REMEMBERED = 2


class Schedule:
    """The epochs of a simulated chain: `length` heights each (0: one epoch), drawn from a seed.

    The keyring's validators are all keys there are; an epoch's set is some of them in any order.
    No set has a third of its weight in `traitors`.
    """

    def __init__(
        self,
        keyring: Keyring,
        config: Config,
        length: int = 0,
        seed: int = 0,
        traitors: frozenset[int] = frozenset(),
        chain: bytes = CHAIN,
    ) -> None:
        self.chain = chain
        self.keyring, self.config, self.length = keyring, config, length
        self._seed, self._traitors = seed, traitors
        self.group = lru_cache(maxsize=64)(self._group)
        self.era_of = lru_cache(maxsize=64)(self._era_of)

    def epoch(self, height: int) -> int:
        """The epoch of a height; genesis is in the first."""
        return max(height - 1, 0) // self.length if self.length else 0

    def era(self, height: int) -> Era:
        """What the engine must know at a height."""
        return self.era_of(self.epoch(height))

    def _era_of(self, epoch: int) -> Era:
        last = (epoch + 1) * self.length if self.length else FOREVER
        seed = self.config.seed if not self.length else random.Random(epoch).randbytes(32)
        before = range(epoch - 1, max(epoch - 1 - REMEMBERED, -1), -1)
        previous = tuple(self.group(e) for e in before)
        return Era(self.group(epoch), replace(self.config, seed=seed), last, previous)

    def _group(self, epoch: int) -> ValidatorSet:
        everyone = self.keyring.validators.validators
        if not self.length:
            return ValidatorSet(epoch, everyone)
        rng = random.Random(f"set {self._seed} {epoch}")
        while True:
            chosen = rng.sample(range(len(everyone)), rng.randint(LEAST, len(everyone)))
            made = ValidatorSet(epoch, tuple(everyone[i] for i in chosen))
            bad = sum(everyone[i].weight for i in chosen if i in self._traitors)
            if 3 * bad < made.total:
                return made

    def member(self, epoch: int, index: int) -> int:
        """The place in the keyring of a validator of an epoch."""
        key = self.group(epoch).validators[index].key
        return self.keyring.validators.by_key[key]

    def seat(self, epoch: int, member: int) -> int:
        """The index in an epoch's set of a key that is in it."""
        return self.group(epoch).by_key[self.keyring.validators.validators[member].key]
