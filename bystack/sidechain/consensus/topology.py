"""Through whom proposals, votes and certificates travel: speed only, never safety.

At view 0 the epoch's gateways carry them, each for its group; groups nest once in sets of more
than a hundred. The leader is whoever's turn it is: a gateway, which then needs no hop to itself,
or a member, who gets the aggregates of all gateways as if it were one. Later views are a star at
the leader: no gateway that might be faulty is on the path (bbft.md, sections 1 and 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isqrt

STAR_UP_TO = 10
NEST_ABOVE = 100
NEST_FROM = 4


def rounded_root(number: int) -> int:
    """The integer nearest to the square root of `number`."""
    return (isqrt(4 * number) + 1) // 2


def gateway_count(size: int, wanted: int = 0) -> int:
    """How many gateways `size` validators have; `wanted` 0: one up to ten, else about √n."""
    usual = 1 if size <= STAR_UP_TO else rounded_root(size)
    return min(wanted or usual, size)


@dataclass(frozen=True, eq=False)
class Topology:
    """`above[i]` collects the votes of i (gateways have none); `below[i]` are those it serves."""

    gateways: tuple[int, ...]
    above: dict[int, int]
    below: dict[int, tuple[int, ...]]

    @property
    def star(self) -> bool:
        """Whether one collects all votes."""
        return len(self.gateways) == 1

    def collects(self, index: int) -> bool:
        """Whether others' votes go through `index`, or it shares its own as a gateway."""
        return index in self.below or index not in self.above

    def top(self, index: int) -> int:
        """The gateway of a validator's group, itself for a gateway."""
        while index in self.above:
            index = self.above[index]
        return index

    def usual(self, me: int) -> frozenset[int]:
        """Whose votes come to `me` in the usual course: its group's, and those of gateways alone
        in theirs. Others' come because something failed.
        """
        return frozenset(self.below.get(me, ())).union(self.gateways, (me,))

    def next_gateway(self, index: int, turn: int) -> int:
        """The gateway `turn` places after the one of `index`'s group."""
        place = self.gateways.index(self.top(index)) + turn
        return self.gateways[place % len(self.gateways)]

    def subtree(self, index: int) -> frozenset[int]:
        """Those whose votes `index` may sum up: itself and all below."""
        return self._subtrees.get(index) or frozenset({index})

    @cached_property
    def _subtrees(self) -> dict[int, frozenset[int]]:
        return {head: self._under(head) for head in self.below}

    def _under(self, head: int) -> frozenset[int]:
        return frozenset({head}).union(*(self._under(i) for i in self.below.get(head, ())))


@lru_cache(maxsize=128)
def star(size: int, root: int) -> Topology:
    """All at one: the leader of a later view, or of a set with one gateway."""
    others = tuple(index for index in range(size) if index != root)
    return Topology((root,), dict.fromkeys(others, root), {root: others} if others else {})


def base_gateways(size: int, seed: bytes, wanted: int) -> tuple[int, ...]:
    """The gateways of an epoch: the first of its order of validators."""
    return _order(size, seed)[: gateway_count(size, wanted)]


def _order(size: int, seed: bytes) -> tuple[int, ...]:
    start = int.from_bytes(seed, "big") % size
    return tuple((start + step) % size for step in range(size))


@lru_cache(maxsize=32)
def grouped(size: int, seed: bytes, wanted: int, demoted: frozenset[int]) -> Topology | None:
    """The groups of an epoch less its demoted gateways, as even as can be; None for a star.

    Members are dealt one by one, so that any m leaders in a row come from all m groups: a bad
    gateway is soon named by one who suffered from it.
    """
    gateways = tuple(i for i in base_gateways(size, seed, wanted) if i not in demoted)
    if len(gateways) < 2:
        return None
    members = [i for i in _order(size, seed) if i not in gateways]
    above: dict[int, int] = {}
    below: dict[int, tuple[int, ...]] = {}
    for gateway, group in zip(gateways, deal(members, len(gateways)), strict=True):
        _hang(gateway, group, size > NEST_ABOVE, above, below)
    return Topology(gateways, above, below)


def _hang(
    head: int, group: Sequence[int], nests: bool, above: dict[int, int],
    below: dict[int, tuple[int, ...]],
) -> None:  # fmt: skip
    """Put a group under its head: at once, or under heads of its own."""
    count = rounded_root(len(group)) if nests and len(group) >= NEST_FROM else len(group)
    heads, rest = group[:count], group[count:]
    above |= dict.fromkeys(heads, head)
    if heads:
        below[head] = tuple(heads)
    if rest:
        for one, members in zip(heads, deal(rest, count), strict=True):
            _hang(one, members, False, above, below)


def deal(members: Sequence[int], hands: int) -> list[Sequence[int]]:
    """Deal members round `hands`, as even as can be."""
    return [members[hand::hands] for hand in range(hands)]


def topology(
    size: int, leading: int, view: int, seed: bytes, wanted: int, demoted: frozenset[int]
) -> Topology:
    """The paths of a view. `wanted`: the configured number of gateways, 0 for the default."""
    groups = grouped(size, seed, wanted, demoted) if view == 0 else None
    return groups or star(size, leading)
