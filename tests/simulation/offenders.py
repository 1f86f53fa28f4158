"""Attacks on consensus from the offence to the conviction: simulated nodes find who broke a rule,
and a real chain takes what they found, once. Signatures are real all the way."""

from __future__ import annotations

from functools import lru_cache

import pytest

from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import system_transaction
from bystack.sidechain.consensus.evidence import AnyEvidence
from bystack.sidechain.misconduct import Accuse, EvidenceKnown, convicted
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import World, genesis_for
from tests.simulation.schemes import Keyring, bls_keyring, hash_keyring
from tests.simulation.simulator import Plan, Simulation

RING = bls_keyring(4)
SEEDS = 80
Kinds = tuple[type[AnyEvidence], ...]


@lru_cache(maxsize=1)
def _chain() -> World:
    main = vault_chain()
    return World(main, genesis_for(main, validators=RING.validators.validators))


def chain() -> World:
    """A sidechain whose validators' keys are those of the simulations."""
    return _chain().copy()


def plan(seed: int, behaviour: str) -> Plan:
    """A lossy network with one traitor; a view fails now and then."""
    return Plan(seed, behaviour=behaviour, drop=0.2, crashes=0, settle=1_200, heights=2)


def met(ring: Keyring, seed: int, behaviour: str) -> Simulation:
    """A run of a behaviour, to its end."""
    played = Simulation(ring, plan(seed, behaviour), chain=chain().genesis.id)
    played.run()
    return played


def kinds_found(played: Simulation, kinds: Kinds) -> list[AnyEvidence]:
    """Evidence of these kinds that honest nodes reported."""
    return [one for one, _ in played.monitor.evidence if isinstance(one, kinds)]


def seed_of(behaviour: str, kinds: Kinds) -> int:
    """The first seed in which honest nodes find it, on the quick scheme; -1 for none."""
    quick = hash_keyring(4)
    for seed in range(SEEDS):
        if kinds_found(met(quick, seed, behaviour), kinds):
            return seed
    return -1


def found(behaviour: str, kinds: Kinds) -> tuple[AnyEvidence, int]:
    """Evidence an ordinary node found, with real signatures, and the traitor it names."""
    seed = seed_of(behaviour, kinds)
    assert seed >= 0, f"nobody noticed {behaviour}"
    played = met(RING, seed, behaviour)
    (traitor,) = {*range(4)} - played.monitor.honest
    assert played.monitor.guilty == {traitor}
    assert all(traitor in (RING.validators.by_key[k],) for n in played.honest for k in n.convicted)
    return kinds_found(played, kinds)[0], traitor


def convicts_once(evidence: AnyEvidence, guilty: set[int]) -> None:
    """The chain takes it, names exactly these, stops its pegs, and refuses it the second time."""
    world = chain()
    accusing = system_transaction(Accuse(evidence))
    world.block(accusing)
    assert {*convicted(world.view, world.genesis.validator_set)} == guilty
    _, facts = next(e for e in world.side.events if e[0] == "misconduct")
    assert facts["guilty"] == sorted(guilty)
    ((_, refusal),) = world.side.build([accusing], world.now).refused
    assert isinstance(refusal, EvidenceKnown), refusal


def proves_nothing(evidence: AnyEvidence) -> None:
    """The chain refuses it, and convicts nobody."""
    world = chain()
    ((_, refusal),) = world.side.build([system_transaction(Accuse(evidence))], world.now).refused
    assert isinstance(refusal, Invalid) and not isinstance(refusal, EvidenceKnown)
    assert not convicted(world.view, world.genesis.validator_set)


def unnoticed(
    behaviour: str, kinds: Kinds, patch: pytest.MonkeyPatch, rules: tuple[str, ...]
) -> None:
    """Without these rules of the watching nodes nobody finds it."""
    for rule in rules:
        patch.setattr(f"bystack.sidechain.consensus.{rule}", lambda *_: None)
    assert seed_of(behaviour, kinds) < 0
