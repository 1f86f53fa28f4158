"""Which world a number stands for: what the tests run, `replay` shows and `soak` goes through."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.adversary import Attack
from tests.simulation.byzantine import BEHAVIOURS, GATEWAY_BEHAVIOURS
from tests.simulation.schemes import Keyring, bls_keyring, hash_keyring
from tests.simulation.simulator import Simulation, plan_of
from tests.simulation.tactics import Tactician, campaign
from tests.simulation.twins import numbered

WEIGHTS = {5: (3, 1, 2, 2, 1), 7: (1, 2, 4, 1, 1, 3, 2)}
ARENAS = ((4, Attack(0)), (4, Attack(0, crashes=True)), (5, Attack(0, needed=4)))
GROUPS = ((7, 2), (7, 3), (10, 3), (5, 5), (10, 10), (8, 4), (13, 4))
"""Validators and gateways."""

COMMAND = "python -m tests.simulation.replay"


def keyring_of(seed: int) -> Keyring:
    """Mostly four validators, now and then five or seven, with equal or unequal weights."""
    size = (4, 4, 4, 5, 7)[seed % 5]
    weights = WEIGHTS.get(size, ()) if seed // 5 % 3 == 0 else ()
    return hash_keyring(size, weights)


def world(seed: int) -> Simulation:
    """A seed on the hash scheme."""
    return Simulation(keyring_of(seed), plan_of(seed), replay=f"{COMMAND} {seed}")


def bls_world(seed: int) -> Simulation:
    """A seed with real signatures, over in a block."""
    plan = plan_of(10_000 + seed, heights=1)
    return Simulation(bls_keyring(4), plan, replay=f"{COMMAND} --bls {seed}")


def grouped_world(seed: int) -> Simulation:
    """A seed with gateways, one in three of which betrays as only gateways can."""
    size, wanted = GROUPS[seed % len(GROUPS)]
    rng = random.Random(f"groups {seed}")
    behaviour = rng.choice((*GATEWAY_BEHAVIOURS, rng.choice(BEHAVIOURS), ""))
    traitors = rng.choice((1, 2, 3))
    plan = replace(plan_of(50_000 + seed), losses=0, gateways=wanted)
    plan = replace(plan, behaviour=behaviour, traitors=traitors)
    return Simulation(hash_keyring(size), plan, replay=f"{COMMAND} --gateways {seed}")


twins = numbered


def arenas(seed: int) -> Iterator[Tactician]:
    """The games of a seed of the adversary that owns the network."""
    size, attack = ARENAS[seed % len(ARENAS)]
    own = Attack(seed, attack.traitors, attack.crashes, needed=attack.needed)
    for arena in campaign(hash_keyring(size), own):
        arena.replay = f"{COMMAND} --games {seed}"
        yield arena


def games(seed: int) -> None:
    """All of a seed's games, against the rules as they are."""
    for arena in arenas(seed):
        arena.run()
