"""A small world of seals alone, for the question whether two final blocks can ever contradict.

Honest validators are driven by an adversary: it chooses on which of two camps' tips each seals,
when a camp begins anew from an older block, who is absent; they only keep their own rule, never a
lower source than before. Others seal on both camps.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

from bystack.sidechain.consensus.authority.turns import NEVER, Count, Turns
from tests.simulation.schemes import hash_keyring

SLOTS = 48


class Model:
    """One run; `final` is the rule of finality, `bound` whether sources bind."""

    def __init__(
        self,
        seed: int,
        size: int = 4,
        byzantine: int = 1,
        bound: bool = True,
        final: Callable[[Turns, Count], int] = Turns.final,
    ) -> None:
        self.rng = random.Random(seed)
        self.turns = Turns(hash_keyring(size).validators)
        self.byzantine, self.bound, self.rule = byzantine, bound, final
        self.counts, self.heights = [self.turns.root(0, 0)], [0]
        self.parents, self.tips = [0], [0, 0]
        self.sources = [NEVER] * size
        self.final: set[int] = set()
        for slot in range(1, SLOTS + 1):
            self.seal(slot)
            if self.rng.random() < 0.04:
                self.split()

    def seal(self, slot: int) -> None:
        index = self.turns.sealer(slot)
        if index < self.byzantine:
            for parent in dict.fromkeys(self.tips):
                self.add(parent, slot)
        elif self.rng.random() > 0.15:
            parent = self.rng.choice(self.tips)
            count = self.turns.add(self.counts[parent], slot, self.heights[parent] + 1)
            if not self.bound or count.source >= self.sources[index]:
                self.sources[index] = max(self.sources[index], count.source)
                self.add(parent, slot)

    def add(self, parent: int, slot: int) -> None:
        height = self.heights[parent] + 1
        block, count = len(self.parents), self.turns.add(self.counts[parent], slot, height)
        self.parents.append(parent)
        self.heights.append(height)
        self.counts.append(count)
        first = parent == self.tips[0] and (parent != self.tips[1] or self.rng.random() < 0.5)
        self.tips[0 if first else 1] = block
        done = self.rule(self.turns, count)
        if done > 0:
            self.final.add(self.ancestor(block, done))

    def split(self) -> None:
        """One camp leaves from an older block of the other."""
        camp = self.rng.randrange(2)
        block = self.tips[1 - camp]
        for _ in range(self.rng.randrange(8)):
            block = self.parents[block]
        self.tips[camp] = block

    def ancestor(self, block: int, height: int) -> int:
        while self.heights[block] > height:
            block = self.parents[block]
        return block

    @property
    def forked(self) -> bool:
        """Two final blocks of which neither stands on the other."""
        ranked = sorted(self.final, key=lambda block: self.heights[block])
        return any(self.ancestor(b, self.heights[a]) != a for a, b in pairwise(ranked))
