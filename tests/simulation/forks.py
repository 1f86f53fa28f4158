"""Forks by force: so many validators have twins that both sides of a divided network decide.

When the two sides meet again the traitors are gone; what the honest then say to one another in the
normal course must convict more than a third of the weight, and nobody honest.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

from bystack.sidechain.consensus.messages import Status
from bystack.sidechain.consensus.validators import ValidatorSet, quorum
from tests.simulation.eras import CHAIN
from tests.simulation.monitor import ForkMonitor, Violation
from tests.simulation.schemes import Keyring
from tests.simulation.twins import Scenario, Twins


def halves(group: ValidatorSet, traitors: tuple[int, ...]) -> tuple[int, ...] | None:
    """Honest validators that make a quorum with the traitors while the rest does too, if any."""
    rest = [i for i in range(len(group)) if i not in traitors]
    need, bad = quorum(group.total), group.weight_of(traitors)
    for size in range(len(rest) // 2, 0, -1):
        for far in combinations(rest, size):
            weight = group.weight_of(far)
            near = group.total - bad - weight
            if len(far) < len(rest) and bad + min(weight, near) >= need:
                return far
    return None


def placements(group: ValidatorSet) -> Iterator[tuple[int, ...]]:
    """All sets of validators that can fork the chain, none of which they could do without."""
    found: list[tuple[int, ...]] = []
    for size in range(1, len(group) - 1):
        for traitors in combinations(range(len(group)), size):
            if any({*less} < {*traitors} for less in found):
                continue
            if halves(group, traitors):
                found.append(traitors)
                yield traitors


def fork(keyring: Keyring, traitors: tuple[int, ...], chain: bytes = CHAIN) -> Twins:
    """A world in which the chain forked at the first height, the traitors gone since."""
    size = len(keyring.validators)
    far = frozenset(halves(keyring.validators, traitors) or ())
    side = far | frozenset(range(size, size + len(traitors)))
    nothing = Scenario((), ())
    world = Twins(keyring, nothing, traitors, chain=chain, wall=side, watched_by=ForkMonitor)
    for one in world.instances:
        one.begin()
    while any(one.final_height < 1 for one in world.honest):
        if not world.heap or world.now > 200_000:
            raise Violation(f"no fork: {world.monitor.transcript.tail()}")
        world.step()
    for one in world.instances:
        one.alive = one.honest
    world.wall = frozenset()
    return world


def reunite(world: Twins, wait: int = 4_000) -> frozenset[int]:
    """Every honest node connects to every other; whom they blame some seconds later."""
    for one, other in permutations(world.honest, 2):
        world.carry(one, other.index, Status(one.machine.status.certificate))
    until = world.now + wait
    while world.heap and world.now < until:
        world.step()
    return world.monitor.guilty
