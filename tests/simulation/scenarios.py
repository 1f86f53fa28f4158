"""Which world a number stands for: what the tests run, `replay` shows and `soak` goes through."""

from __future__ import annotations

from tests.simulation.adversary import Attack
from tests.simulation.schemes import Keyring, bls_keyring, hash_keyring
from tests.simulation.simulator import Simulation, plan_of
from tests.simulation.tactics import campaign
from tests.simulation.twins import SIZE, Twins, scenario

WEIGHTS = {5: (3, 1, 2, 2, 1), 7: (1, 2, 4, 1, 1, 3, 2)}
ARENAS = ((4, Attack(0)), (4, Attack(0, crashes=True)), (5, Attack(0, needed=4)))


def keyring_of(seed: int) -> Keyring:
    """Mostly four validators, now and then five or seven, with equal or unequal weights."""
    size = (4, 4, 4, 5, 7)[seed % 5]
    weights = WEIGHTS.get(size, ()) if seed // 5 % 3 == 0 else ()
    return hash_keyring(size, weights)


def world(seed: int) -> Simulation:
    """A seed on the hash scheme."""
    replay = f"python -m tests.simulation.replay {seed}"
    return Simulation(keyring_of(seed), plan_of(seed), replay=replay)


def bls_world(seed: int) -> Simulation:
    """A seed with real signatures, over in a block."""
    replay = f"python -m tests.simulation.replay --bls {seed}"
    return Simulation(bls_keyring(4), plan_of(10_000 + seed, heights=1), replay=replay)


def twins(number: int) -> Twins:
    """A scenario of the Twins enumeration."""
    return Twins(hash_keyring(SIZE), scenario(number))


def games(seed: int) -> None:
    """A seed of the adversary that owns the network, against the rules as they are."""
    size, attack = ARENAS[seed % len(ARENAS)]
    own = Attack(seed, attack.traitors, attack.crashes, needed=attack.needed)
    for arena in campaign(hash_keyring(size), own):
        arena.run()
