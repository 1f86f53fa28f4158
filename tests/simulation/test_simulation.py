"""BBFT under faults: hundreds of seeded worlds, each checked after every event."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.simulation.byzantine import BEHAVIOURS
from tests.simulation.monitor import Violation
from tests.simulation.scenarios import WEIGHTS, bls_world, world
from tests.simulation.schemes import hash_keyring
from tests.simulation.simulator import CONFIG, Plan, Simulation, liveness_bound, plan_of


@pytest.mark.parametrize("batch", range(40))
def test_seeds_with_the_hash_scheme(batch: int) -> None:
    for seed in range(batch * 50, batch * 50 + 50):
        world(seed).run()


@pytest.mark.parametrize("batch", range(8))
def test_seeds_with_real_bls(batch: int) -> None:
    for seed in range(batch * 5, batch * 5 + 5):
        bls_world(seed).run()


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


@pytest.mark.parametrize("batch", range(4))
def test_epochs_with_other_validators(batch: int) -> None:
    """Sets of four to seven of seven keys, new every third block; who is not elected follows."""
    left, joined, sizes = 0, 0, set[int]()
    for seed in range(batch * 10, batch * 10 + 10):
        plan = Plan(seed, epoch=3, drop=0.1, crashes=2, behaviour="double_vote", heights=9)
        played = Simulation(hash_keyring(7), plan)
        played.run()
        epochs = {block.header.epoch for block in played.honest[0].blocks}
        sizes |= {len(played.schedule.group(epoch)) for epoch in epochs}
        assert len(epochs) >= 3
        assert min(n.final_height for n in played.honest) >= 9
        members = [{*played.schedule.group(epoch).by_key} for epoch in sorted(epochs)]
        left += sum(bool(before - after) for before, after in pairwise(members))
        joined += sum(bool(after - before) for before, after in pairwise(members))
    assert left >= 10 and joined >= 10 and len(sizes) >= 3


def test_who_lost_its_journal_abstains_until_the_epoch_turns() -> None:
    """Three of four carry on without it; in the next epoch it votes again."""
    returned = 0
    for seed in range(30):
        plan = Plan(seed, losses=1, crashes=0, epoch=6, heights=14, drop=0.05, slow=10)
        played = Simulation(hash_keyring(4), plan)
        played.run()
        (loser,) = [n for n in played.honest if n.journal.lost]
        assert loser.abstains_in < 0
        returned += loser.journal.records > 0
    assert returned == 30


def test_who_loses_its_journal_has_less_than_a_third() -> None:
    """Else the chain halts by right; found by `scripts/soak`."""
    for epoch in (0, 3):
        for seed in range(10):
            plan = Plan(seed, losses=1, crashes=0, epoch=epoch, heights=2, drop=0)
            Simulation(hash_keyring(5, WEIGHTS[5]), plan).run()
    world(402453).run()


def test_a_machine_that_answers_nobody_misses_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound of liveness bites: without the help for those behind some seed stalls."""
    monkeypatch.setattr("bystack.sidechain.consensus.pulls.answer_late", lambda m, sender: None)
    monkeypatch.setattr("bystack.sidechain.consensus.pulls.sync", lambda m, node: None)
    with pytest.raises(Violation, match="not live"):
        for seed in range(40):
            world(seed).run()


def test_the_bound_of_liveness_grows_with_the_view_and_the_traitors() -> None:
    plan = Plan(0, heights=1)
    four = liveness_bound(CONFIG, plan, 4, 0)
    assert four < liveness_bound(CONFIG, plan, 7, 0) < liveness_bound(CONFIG, plan, 10, 0)
    assert four < liveness_bound(CONFIG, plan, 4, 1)


def test_a_violation_is_a_transcript_and_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulation.simulator.liveness_bound", lambda *_: 50)
    calm = Plan(3, drop=0, slow=5, crashes=0, partitions=0, settle=600, heights=50)
    with pytest.raises(Violation) as caught:
        Simulation(hash_keyring(4), calm, replay="python -m tests.simulation.replay 3").run()
    shown = str(caught.value)
    assert "not live" in shown and "python -m tests.simulation.replay 3" in shown
    for words in (r"\d+ -> \d+  PROPOSE \d+A view 0", r"PREPARE \d+A view 0", r"has final \d+A"):
        assert re.search(words, shown), words


def test_a_transcript_calls_validators_by_their_node_and_names_the_traitors() -> None:
    """Whatever place they have in an epoch's set: each says its own votes."""
    plan = Plan(4, epoch=3, drop=0, crashes=0, partitions=0, settle=1, heights=9)
    played = Simulation(hash_keyring(7), replace(plan, behaviour="mute"))
    played.run()
    said = "\n".join(played.monitor.transcript.lines())
    votes = re.findall(r"(\d) -> \d  (?:PREPARE|COMMIT) \d+A view 0 by (\d)", said)
    assert len(votes) > 50 and all(source == by for source, by in votes)
    assert any(played.schedule.seat(e, n) != n for e, n in [(0, int(by)) for _, by in votes[:3]])
    (traitor,) = [n.index for n in played.nodes if not n.honest]
    assert played.described.endswith(f"; traitors: [{traitor}]")
    outside = played.monitor.transcript.who(0, 9)
    assert outside == "no. 9", "as somebody may say"


def test_the_same_seed_is_the_same_run() -> None:
    one, again = world(5), world(5)
    one.run()
    again.run()
    assert one.monitor.transcript.lines() == again.monitor.transcript.lines()


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
