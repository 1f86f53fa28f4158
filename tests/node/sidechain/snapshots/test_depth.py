"""Joining where a seal alone makes nothing final: the headers above a snapshot's are its proof."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.proving import Prover
from bystack.node.sidechain.snapshots.arriving import CHAIN, settle
from bystack.node.sidechain.snapshots.giving import Answers
from bystack.node.sidechain.snapshots.joining import Joining
from bystack.node.sidechain.store import SideStore
from bystack.primitives.codec import encode
from bystack.sidechain.assembly import Built, Proposal, assemble
from bystack.sidechain.consensus.authority.turns import DepthFinality
from bystack.sidechain.consensus.engine import Verifier
from bystack.sidechain.consensus.light import Certified, FinalHeader
from bystack.sidechain.consensus.seals import seal_of, seal_request
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.verifier import InstantFinality
from bystack.sidechain.params import Consensus
from bystack.sidechain.snapshots.messages import Answer, GetChunk, ManifestGiven, Request
from tests.node.sidechain.snapshots.places import content, shelved, small_chunks
from tests.node.sidechain.snapshots.test_joining import Reply, Street
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import World, genesis_for, verified
from tests.simulation.schemes import HashScheme, hash_keyring

EPOCH, TAKEN, LENGTH = 12, 15, 30
COUNT = {"authority": 4, "solo": 1}
Line = tuple[tuple[Built, Certificate], ...]


@lru_cache(maxsize=2)
def chain(engine: str) -> tuple[World, Line]:
    """A chain in which each seals in turn, one block a slot, each block naming the seal below."""
    main, keys = vault_chain(), hash_keyring(COUNT[engine])
    times = Consensus(engine, "constant", 200, 200, 900, 1, 0, EPOCH, 2, 1)
    members = keys.validators.validators
    world = World(main, genesis_for(main, consensus=times, validators=members))
    line, side = list[tuple[Built, Certificate]](), world.side
    below, hash = b"", bytes(32)
    for slot in range(1, LENGTH + 1):
        index = slot % len(members)
        proposal = Proposal(index, world.now, below, hash)
        built = assemble(world.genesis, side.modules, side.base, proposal, [], verified)
        request = seal_request(built.header, slot, world.genesis.id, b"")
        seal = seal_of(built.header, slot, len(members), keys.sign(index, request.digest))
        side.commit(built)
        line.append((built, seal))
        below, hash = encode(seal), seal.hash
    return world, tuple(line)


async def follow(store: SideStore, line: Sequence[tuple[Built, Certificate]]) -> None:
    for built, seal in line:
        await store.commit(built.header, encode(built.body), seal, built.executed)


class Stage:
    """A node that took a snapshot half way of its chain, and one that joins."""

    def __init__(self, folder: Path, engine: str) -> None:
        world, self.line = chain(engine)
        self.genesis, self.modules = world.genesis, modules_of(world.genesis)
        self.source = SideStore.open(str(folder / "source"), world.genesis, self.modules)
        trio.run(follow, self.source, self.line[:TAKEN])
        self.shelf, self.manifest = shelved(folder / "shelf", self.source)
        self.then = content(self.source)
        trio.run(follow, self.source, self.line[TAKEN:])
        scheme = HashScheme()
        self.verifier: Verifier
        self.verifier = DepthFinality(scheme) if engine == "authority" else InstantFinality(scheme)
        self.answers = Answers(self.source, self.shelf, Prover(self.source, self.verifier))
        self.node = folder / "node"
        self.node.mkdir()
        self.store = self.open()

    def open(self) -> SideStore:
        return SideStore.open(str(self.node / CHAIN), self.genesis, self.modules)

    def honest(self, request: Request) -> Answer | None:
        return self.answers.answer(request)

    def join(self, street: Street) -> bool:
        async def main() -> bool:
            joining = Joining(
                str(self.node), self.store, street.asking, self.verifier,
                lambda: sorted(street.replies), street.blame, 1,
            )  # fmt: skip
            async with trio.open_nursery() as nursery:
                street.nursery = nursery
                return await joining.run()

        return trio.run(main)


@pytest.fixture
def open_stage(tmp_path: Path) -> Iterator[Callable[[str], Stage]]:
    made: list[Stage] = []

    def make(engine: str) -> Stage:
        made.append(Stage(tmp_path, engine))
        return made[0]

    with small_chunks():
        yield make
    for one in made:
        one.store.close()
        one.source.close()


@pytest.mark.parametrize("engine", COUNT)
def test_a_snapshot_of_a_later_epoch_is_joined_and_gone_on_from(
    open_stage: Callable[[str], Stage], engine: str
) -> None:
    stage = open_stage(engine)
    street = Street(good=stage.honest, other=stage.honest)
    assert stage.join(street) and not street.blamed
    stage.store.close()
    assert settle(str(stage.node), stage.genesis.id)
    stage.store = stage.open()
    assert (stage.store.height, stage.store.header.epoch) == (TAKEN, 1)
    assert content(stage.store) == stage.then
    assert stage.store.certificate == stage.line[TAKEN - 1][1]
    trio.run(follow, stage.store, stage.line[TAKEN:])
    assert stage.store.header == stage.source.header
    proofs = Prover(stage.store, stage.verifier).epochs(0)
    assert proofs and proofs == Prover(stage.source, stage.verifier).epochs(0)


def lower(final: FinalHeader) -> FinalHeader:
    """Fewer seals above than make it final."""
    return replace(final, above=final.above[:3])


def gap(final: FinalHeader) -> FinalHeader:
    return replace(final, above=final.above[1:])


def forged(final: FinalHeader) -> FinalHeader:
    """One of the seals above is nobody's."""
    first, *rest = final.above
    bad = replace(first.certificate, signature=b"\x05" * 96)
    return replace(final, above=(Certified(first.header, bad), *rest))


@pytest.mark.parametrize(
    ("lie", "rule"), [(lower, "NotFinalYet"), (gap, "LineBroken"), (forged, "LineBroken")]
)
def test_too_little_above_a_snapshot_makes_it_not_final(
    open_stage: Callable[[str], Stage], lie: Callable[[FinalHeader], FinalHeader], rule: str
) -> None:
    stage = open_stage("authority")
    street = Street(liar=liar(stage, lie))
    assert not stage.join(street)
    assert street.blamed == [(b"l" * 32, rule)]
    assert not any(isinstance(request, GetChunk) for _, request in street.asked)


def liar(stage: Stage, lie: Callable[[FinalHeader], FinalHeader]) -> Reply:
    def reply(request: Request) -> Answer | None:
        answer = stage.honest(request)
        if isinstance(answer, ManifestGiven) and answer.found:
            told = answer.found[0]
            return replace(answer, found=(replace(told, final=lie(told.final)),))
        return answer

    return reply
