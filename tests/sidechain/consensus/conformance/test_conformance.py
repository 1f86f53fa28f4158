"""What every engine of consensus promises, asked of each (see `cases` to add one)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus import messages
from bystack.sidechain.consensus.events import Received
from bystack.sidechain.consensus.light import Certified
from tests.sidechain.consensus.conformance.cases import CASES, Case
from tests.sidechain.consensus.conformance.world import (
    CHAIN,
    World,
    digest,
    era_of,
    line_of,
)
from tests.sidechain.consensus.samples import SAMPLES

each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
TARGET = 18


@each
def test_all_agree_over_epochs_and_followers_follow(case: Case) -> None:
    world = World(case.type, case.size, followers=2)
    world.reach(TARGET)
    follower = world.nodes[-1]
    assert not follower.disk.journal
    assert {b.header.epoch for b in follower.disk.blocks} == {0, 1, 2}
    assert not world.penalties
    assert not world.accused
    for below, above in pairwise(follower.disk.blocks):
        assert above.header.parent == below.header.id


@each
@pytest.mark.parametrize("seed", range(5))
def test_agreement_survives_a_bad_network(case: Case, seed: int) -> None:
    """A third of all messages is lost for a while, then two halves hear nothing of each other."""
    world = World(case.type, case.size, followers=1, seed=seed)
    world.lost = lambda sender, receiver: world.rng.random() < 0.33
    world.pass_time(15_000)
    half = {node.id for node in world.nodes[: (case.size + 1) // 2]}
    world.lost = lambda sender, receiver: (sender in half) != (receiver in half)
    world.pass_time(15_000)
    world.lost = lambda sender, receiver: False
    world.reach(max(node.height for node in world.nodes) + 8, limit=300_000)
    assert not world.accused


@each
@pytest.mark.parametrize("seed", range(12))
def test_agreement_survives_a_twin_partitions_losses_and_ends(case: Case, seed: int) -> None:
    """One key signs on both sides of ever other partitions, nodes end and come back."""
    if not case.spare:
        pytest.skip("one dishonest key is all it takes")
    world = World(case.type, case.size, followers=1, seed=seed)
    twin = world.twin(0)
    dishonest = {world.nodes[0].number, twin.number}
    storm(world, {world.nodes[0].id: True, twin.id: False}, dishonest)
    honest = [node for node in world.nodes if node.number not in dishonest]
    for node in world.nodes:
        if not node.alive:
            node.start()
    world.lost = lambda sender, receiver: {sender, receiver} == {world.nodes[0].id, twin.id}
    world.reach(max(node.height for node in honest) + 6, honest, limit=400_000)
    assert {guilty for _, guilty in world.accused} <= {(0,)}


def storm(world: World, fixed: dict[bytes, bool], dishonest: set[int]) -> None:
    """Forty seconds of partitions, a fifth of all messages lost, somebody ending now and then."""
    sides: dict[bytes, bool] = {}
    world.ignored = dishonest
    world.lost = lambda sender, receiver: (
        sides.get(sender) != sides.get(receiver) or world.rng.random() < 0.2
    )
    for _ in range(16):
        sides |= {node.id: world.rng.random() < 0.5 for node in world.nodes} | fixed
        node = world.rng.choice(world.nodes)
        if node.number not in dishonest and node.alive:
            node.stop()
            world.at(world.rng.randint(200, 4_000), node.start)
        world.pass_time(world.rng.choice([500, 1_000, 2_500, 6_000]))
    world.pass_time(5_000)


@each
def test_a_node_may_end_before_any_effect_and_goes_on_from_its_disk(case: Case) -> None:
    for step in range(1, 60):
        world = World(case.type, case.size)
        node = world.nodes[0]
        node.crash_at = node.effects + step
        world.run(lambda node=node: node.life > 2, limit=60_000)  # type: ignore[misc]
        world.reach(node.height + 4)
        assert not world.accused, f"incriminated itself after ending before effect {step}"


@each
def test_all_may_end_at_once(case: Case) -> None:
    world = World(case.type, case.size)
    for _ in range(4):
        world.pass_time(3_300 + world.rng.randint(0, 400))
        for node in world.nodes:
            node.stop()
        world.pass_time(1_000)
        for node in world.nodes:
            node.start()
    world.reach(max(node.height for node in world.nodes) + 4)
    assert not world.accused


@each
def test_who_comes_late_learns_the_chain_by_certificates(case: Case) -> None:
    world = World(case.type, case.size, followers=1, silent=1)
    world.reach(4 * TARGET, limit=600_000)
    late = world.nodes[-1]
    assert late.height == 0
    late.start()
    world.reach(4 * TARGET, [late])
    assert not world.penalties


@each
def test_a_bad_block_is_refused_and_never_final(case: Case) -> None:
    def spoil(header: Header, body: bytes) -> tuple[Header, bytes]:
        values = {name: getattr(header, name) for name in Header.__struct_fields__}
        return Header(**{**values, "state_root": digest(b"wrong")}), body

    world = World(case.type, case.size, followers=1)
    bad = world.nodes[0]
    bad.spoil = spoil
    honest = [node for node in world.nodes if node is not bad]
    if case.spare:
        world.reach(TARGET, honest, limit=300_000)
    else:
        world.pass_time(20_000)
        assert all(node.height == 0 for node in honest)
    wrong = digest(b"wrong")
    assert all(b.header.state_root != wrong for node in honest for b in node.disk.blocks)
    assert any(node == bad.id and "HeaderWrong" in rule for _, node, rule in world.penalties)


@each
def test_it_goes_on_without_as_many_as_it_says(case: Case) -> None:
    world = World(case.type, case.size)
    world.reach(4)
    for node in world.nodes[case.size - case.spare :]:
        node.stop()
    world.reach(TARGET)


@each
def test_without_more_it_halts_and_resumes_with_nothing_lost(case: Case) -> None:
    world = World(case.type, case.size, followers=1)
    world.reach(4)
    gone = world.nodes[: case.spare + 1]
    for node in gone:
        node.stop()
    world.pass_time(5_000)
    before = {node.number: node.height for node in world.nodes}
    world.pass_time(60_000)
    assert {node.number: node.height for node in world.nodes} == before
    for node in gone:
        node.start()
    world.reach(max(before.values()) + 6, limit=300_000)


@each
def test_a_key_used_twice_is_proved_and_nobody_else_accused(case: Case) -> None:
    if not case.evidence:
        pytest.skip("the engine proves nothing")
    world = World(case.type, case.size, followers=1)
    twin = world.twin(0)
    honest = {node.number for node in world.nodes if node.seat != 0}
    pair = {world.nodes[0].id, twin.id}
    world.lost = lambda sender, receiver: {sender, receiver} == pair
    if not case.spare:
        world.ignored = {node.number for node in world.nodes}
    world.run(lambda: any(number in honest for number, _ in world.accused), limit=300_000)
    assert {guilty for _, guilty in world.accused} == {(0,)}


@each
def test_the_verifier_finds_final_what_the_engine_did(case: Case) -> None:
    world = World(case.type, case.size)
    world.reach(6 * case.size + TARGET, limit=300_000)
    node = world.nodes[0]
    for height in range(1, TARGET):
        validators = era_of(world.keyring, height).validators
        world.verifier.check_final(line_of(node, height), validators, CHAIN)


@each
def test_the_verifier_refuses_what_was_tampered_with(case: Case) -> None:
    world = World(case.type, case.size)
    world.reach(6 * case.size + TARGET, limit=300_000)
    node, validators = world.nodes[0], era_of(world.keyring, 3).validators
    line = line_of(node, 3)
    first, other = line[0], line[1]
    for broken in (
        (Certified(first.header, other.certificate), *line[1:]),
        (Certified(other.header, first.certificate), *line[1:]),
        (Certified(first.header, _resigned(first)), *line[1:]),
    ):
        with pytest.raises(Invalid):
            world.verifier.check_final(broken, validators, CHAIN)
    with pytest.raises(Invalid):
        world.verifier.check_final(line, validators, digest(b"another chain"))
    with pytest.raises(Invalid):
        world.verifier.check(first.header, _resigned(first), validators, CHAIN)
    if world.verifier.depth:
        with pytest.raises(Invalid):
            world.verifier.check_final(line[: case.size - case.spare], validators, CHAIN)
        with pytest.raises(Invalid):
            world.verifier.check_final((line[0], *line[2:]), validators, CHAIN)


def _resigned(one: Certified) -> messages.Certificate:
    values = {n: getattr(one.certificate, n) for n in messages.Certificate.__struct_fields__}
    return messages.Certificate(**{**values, "signature": b"\x77" * 96})


@each
def test_messages_of_strangers_change_nothing(case: Case) -> None:
    world = World(case.type, case.size)
    world.reach(3)
    stranger = digest(b"stranger")
    for message in SAMPLES.values():
        if isinstance(message, messages.Message):
            for node in world.nodes:
                node.say(Received(stranger, message))
    world.reach(TARGET)
    assert not world.accused
    assert {node for _, node, _ in world.penalties} <= {stranger}
