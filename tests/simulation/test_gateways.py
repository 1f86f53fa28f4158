"""Gateways: how many messages and hops a block takes, and what bad gateways cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from bystack.sidechain.consensus.certificates import signers
from bystack.sidechain.consensus.demotions import DEMOTED_BLOCKS, demoted_of
from bystack.sidechain.consensus.events import Config, Input, Received
from bystack.sidechain.consensus.messages import Message, Propose
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.topology import gateway_count, grouped, topology
from tests.simulation.byzantine import GATEWAY_BEHAVIOURS
from tests.simulation.harness import Node
from tests.simulation.scenarios import grouped_world
from tests.simulation.schemes import bls_keyring, hash_keyring
from tests.simulation.simulator import Plan, Simulation, plan_of, traitors_of

CALM = Plan(1, drop=0, duplicate=0, slow=1, disk=1, crashes=0, partitions=0, settle=1)


class Lan(Simulation):
    """A network without faults where everything takes a millisecond or two."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.named: dict[int, Certificate] = {}

    def _delay(self, mean: float) -> int:
        return int(self.rng.expovariate(1))

    def send(self, source: int, target: int, message: Message, wait: int = 0) -> None:
        if isinstance(message, Propose):
            self.named[message.header.height] = message.parent_certificate
        super().send(source, target, message, wait)


class Lockstep(Simulation):
    """Every message takes ten milliseconds, everything else none."""

    HOP = 10

    def _carry(self, source: int, target: int, message: Message, wait: int) -> None:
        node = self.nodes[target]
        event = Received(self.keyring.validators.validators[source].node, message)
        self.push(self.now + self.HOP, node, lambda: node.handle(event), life=-1)

    def answer(self, node: Node, event: Input, kind: str) -> None:
        self.push(self.now, node, lambda: node.handle(event))


def formula(size: int, gateways: int) -> int:
    """The messages a block is to take."""
    return 5 * size - 6 * gateways + 2 * gateways * gateways


@pytest.mark.parametrize(
    ("size", "wanted", "heights"),
    [
        (4, 0, 20),
        (10, 0, 20),
        (10, 3, 20),
        (31, 0, 15),
        (100, 0, 8),
        (200, 0, 3),
        (7, 7, 20),
        (10, 10, 20),
    ],
)
def test_messages_of_a_block(size: int, wanted: int, heights: int) -> None:
    world = Lan(hash_keyring(size), replace(CALM, heights=heights, gateways=wanted))
    world.run()
    expected = formula(size, gateway_count(size, wanted))
    per_block = world.messages / world.nodes[0].final_height
    assert abs(per_block - expected) <= expected / 10, (per_block, expected, world.by_kind)
    assert not world.monitor.penalties and not world.monitor.evidence
    assert all(not n.machine._m.shunned for n in world.nodes)


@pytest.mark.parametrize(
    ("size", "wanted", "hops"), [(7, 1, 5), (31, 6, 8), (7, 7, 3), (121, 11, 13)]
)
def test_hops_until_all_are_final(size: int, wanted: int, hops: int) -> None:
    config = Config(interval=1_000, empty_interval=1_000, tau0=5_000)
    world = Lockstep(hash_keyring(size), replace(CALM, heights=1, gateways=wanted), config)
    world.run()
    assert world.now - 1_000 == hops * Lockstep.HOP


def blocks_naming(world: Lan, since: int = 2) -> list[tuple[int, ...]]:
    """Who is in the certificates that blocks name, from the `since`th on."""
    named = sorted(world.named.items())[since:]
    return [signers(certificate, world.keyring.validators) for _, certificate in named]


@pytest.mark.parametrize("wanted", [1, 6])
def test_blocks_name_nearly_everyone(wanted: int) -> None:
    """Late COMMITs are in the certificate the next block names."""
    world = Lan(hash_keyring(31), replace(CALM, heights=12, gateways=wanted))
    world.run()
    named = blocks_naming(world)
    assert sum(map(len, named)) >= 0.98 * 31 * len(named) > 0


def with_bad_gateway(behaviour: str, size: int = 10, wanted: int = 3, **plan: object) -> Lan:
    """A world without faults one of whose gateways (the first validators) misbehaves."""
    chosen = replace(CALM, behaviour=behaviour, gateways=wanted, **plan)  # type: ignore[arg-type]
    seed = next(
        s
        for s in range(99)
        if min(traitors_of(hash_keyring(size), replace(chosen, seed=s))) < wanted
    )
    return Lan(hash_keyring(size), replace(chosen, seed=seed))


@pytest.fixture
def small_sets_nest(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two levels of groups in sets that are quickly played."""
    monkeypatch.setattr("bystack.sidechain.consensus.topology.NEST_ABOVE", 10)
    grouped.cache_clear()
    yield
    grouped.cache_clear()


@pytest.mark.usefixtures("small_sets_nest")
@pytest.mark.parametrize("behaviour", GATEWAY_BEHAVIOURS)
@pytest.mark.parametrize("at", ["gateway", "head"])
def test_a_bad_one_of_either_level_changes_no_view(behaviour: str, at: str) -> None:
    """Gateways 0 and 1 serve three heads and two, with one to three members each."""
    size, wanted = 15, 2
    paths = topology(size, 0, 0, bytes(32), wanted, frozenset())
    wicked = {*paths.gateways} if at == "gateway" else {*paths.below} - {*paths.gateways}
    assert len(wicked) == (2 if at == "gateway" else 5) and not paths.star
    plan = replace(CALM, behaviour=behaviour, gateways=wanted, heights=15)
    ring = hash_keyring(size)
    seed = next(s for s in range(99) if traitors_of(ring, replace(plan, seed=s)) < wicked)
    world = Lan(ring, replace(plan, seed=seed))
    world.run()
    traitor = traitor_of(world)
    blocks = [b for n in world.honest for b in n.blocks if b.header.height % size != traitor]
    assert len(blocks) > 10 * len(world.honest)
    assert {b.certificate.view for b in blocks} == {0}, "but where it leads itself"
    blamed = {node for _, node, _ in world.monitor.penalties}
    assert blamed <= {ring.validators.validators[traitor].node}
    assert named_by_the_honest(world) <= ({traitor} if at == "gateway" else frozenset())


def named_by_the_honest(world: Simulation) -> set[int]:
    """Whom blocks demote whose proposer does not betray."""
    shown = [frozenset[int](), *demoted(world)]
    proposers = [b.header.proposer for b in world.honest[0].blocks]
    new = zip(proposers, pairwise(shown), strict=True)
    return {i for who, (was, now) in new if who != traitor_of(world) for i in now - was}


def traitor_of(world: Simulation) -> int:
    return next(n.index for n in world.nodes if not n.honest)


@pytest.mark.parametrize("behaviour", GATEWAY_BEHAVIOURS)
def test_a_bad_gateway_changes_no_view(behaviour: str) -> None:
    """Whatever it does with others' messages, blocks of honest leaders are final in view 0."""
    world = with_bad_gateway(behaviour, heights=25)
    world.run()
    views = {
        b.certificate.view
        for n in world.honest
        for b in n.blocks
        if b.header.proposer != traitor_of(world)
    }
    assert views == {0}


@pytest.mark.parametrize(
    ("behaviour", "rule"),
    [
        ("foreign_sum", "AggregateOutside"),
        ("overlapping_sum", "AggregateOverlap"),
        ("bad_sum", "VoteSignature"),
    ],
)
def test_bad_sums_are_blamed_on_their_gateway(behaviour: str, rule: str) -> None:
    world = with_bad_gateway(behaviour, heights=10)
    world.run()
    blamed = {(node, reason) for _, node, reason in world.monitor.penalties}
    assert blamed == {(world.keyring.validators.validators[traitor_of(world)].node, rule)}


def demoted(world: Simulation) -> list[frozenset[int]]:
    """Whom each block's header demotes."""
    size = len(world.keyring.validators)
    return [demoted_of(b.header.demotions, size) for b in world.honest[0].blocks]


@pytest.mark.parametrize("behaviour", ["gateway_withholds", "bad_sum"])
def test_a_gateway_that_carries_nothing_is_demoted_for_a_hundred_blocks(behaviour: str) -> None:
    world = with_bad_gateway(behaviour, 7, heights=DEMOTED_BLOCKS + 15)
    world.run()
    shown = demoted(world)
    first = next(height for height, names in enumerate(shown) if names)
    assert first < 12
    assert shown[first] == {traitor_of(world)}
    assert traitor_of(world) in shown[first + DEMOTED_BLOCKS - 1]
    assert traitor_of(world) not in shown[first + DEMOTED_BLOCKS]


def test_honest_gateways_are_not_demoted() -> None:
    world = Lan(hash_keyring(31), replace(CALM, heights=40, gateways=0))
    world.run()
    assert set(demoted(world)) == {frozenset()}


def test_who_is_left_out_by_its_gateway_is_named_all_the_same() -> None:
    """Its COMMITs go to the leaders directly once it notices."""
    world = with_bad_gateway("gateway_starves", heights=40)
    paths = topology(10, 0, 0, bytes(32), 3, frozenset())
    group = paths.subtree(traitor_of(world)) - {traitor_of(world)}
    world.run()
    later = blocks_naming(world, since=10)
    assert len(group) >= 2
    assert all(sum(index in who for who in later) >= 0.8 * len(later) for index in group)


@pytest.mark.parametrize("behaviour", GATEWAY_BEHAVIOURS)
@pytest.mark.parametrize(("size", "wanted"), [(7, 3), (10, 5), (7, 7)])
def test_bad_gateways_in_a_bad_network(behaviour: str, size: int, wanted: int) -> None:
    for seed in range(3):
        plan = replace(plan_of(seed), behaviour=behaviour, gateways=wanted, epoch=0)
        Simulation(hash_keyring(size), plan).run()


@pytest.mark.parametrize("batch", range(6))
def test_seeds_with_gateways(batch: int) -> None:
    for seed in range(batch * 15, batch * 15 + 15):
        grouped_world(seed).run()


def test_seeds_with_gateways_and_real_bls() -> None:
    for seed in range(3):
        plan = replace(plan_of(60_000 + seed, heights=1), gateways=3)
        Simulation(bls_keyring(7), plan).run()
