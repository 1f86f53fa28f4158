"""BBFT under faults: hundreds of seeded worlds, each checked after every event."""

from __future__ import annotations

import pytest

from tests.simulation.byzantine import BEHAVIOURS
from tests.simulation.schemes import bls_keyring, hash_keyring
from tests.simulation.simulator import Plan, Simulation, plan_of


@pytest.mark.parametrize("batch", range(20))
def test_seeds_with_the_hash_scheme(batch: int) -> None:
    for seed in range(batch * 20, batch * 20 + 20):
        size = (4, 4, 4, 5, 7)[seed % 5]
        Simulation(hash_keyring(size), plan_of(seed)).run()


@pytest.mark.parametrize("batch", range(8))
def test_seeds_with_real_bls(batch: int) -> None:
    for seed in range(batch * 5, batch * 5 + 5):
        Simulation(bls_keyring(4), plan_of(10_000 + seed, heights=1)).run()


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_each_byzantine_behaviour(behaviour: str) -> None:
    for seed in range(3):
        Simulation(hash_keyring(4), Plan(seed, behaviour=behaviour)).run()


@pytest.mark.parametrize("batch", range(5))
def test_everyone_restarts_at_once(batch: int) -> None:
    """Whoever voted for a block still has it: the height can end."""
    for seed in range(batch * 10, batch * 10 + 10):
        plan = Plan(seed, drop=0.2, slow=60, settle=800 + 37 * seed, blackout=True)
        Simulation(hash_keyring(4), plan).run()


def test_the_first_worlds_that_lost_a_prepared_block() -> None:
    for seed in (20242, 21105):
        Simulation(hash_keyring(4 if seed % 5 < 3 else 5), plan_of(seed)).run()


@pytest.mark.parametrize("size", [4, 7, 10])
def test_messages_of_a_block_in_a_star(size: int) -> None:
    calm = Plan(1, drop=0, duplicate=0, slow=5, crashes=0, partitions=0, settle=1, heights=20)
    world = Simulation(hash_keyring(size), calm)
    world.run()
    expected = 5 * size - 6 + 2
    per_block = world.messages / world.nodes[0].final_height
    assert abs(per_block - expected) <= expected / 10
    assert not world.monitor.penalties and not world.monitor.evidence


@pytest.mark.parametrize("behaviour", ["double_vote", "lying_timeout", "equivocate"])
def test_double_signers_are_reported_and_convicted(behaviour: str) -> None:
    caught = 0
    for seed in range(40):
        world = Simulation(hash_keyring(4), Plan(seed, behaviour=behaviour, heights=4))
        world.run()
        traitors = {n.key for n in world.nodes if not n.honest}
        for node in world.honest:
            assert {*node.convicted} <= traitors
            caught += bool(node.convicted)
        assert {frozenset(n.convicted.items()) for n in world.honest if n.convicted}.__len__() <= 1
    assert caught >= 20
