"""No signature of evidence is verified where consensus runs, and nobody buys much time with it."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing

from bystack.node.sidechain import accusing as module
from bystack.node.sidechain.accusing import OF_ALL, OF_ONE, REST, Accusations
from bystack.node.sidechain.executing.application import Application
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.store import SideStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus import evidence as judging
from bystack.sidechain.consensus.events import BuildBlock, Received
from bystack.sidechain.consensus.evidence import AnyEvidence, TwoVotes, verify_evidence
from bystack.sidechain.consensus.messages import EvidenceFound
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.misconduct import EvidenceKnown
from tests.node.sidechain.network import until
from tests.node.sidechain.test_pooling import pooling
from tests.sidechain.test_misconduct import RING, _world, accusing, two
from tests.sidechain.world import World


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each signature of evidence verified from now on: whether by the main thread."""
    judging._verdict.cache_clear()
    asked, verify = list[bool](), BlsScheme.verify

    def noted(scheme: BlsScheme, key: bytes, digest: bytes, signature: bytes) -> bool:
        asked.append(threading.current_thread() is threading.main_thread())
        return verify(scheme, key, digest, signature)

    monkeypatch.setattr(BlsScheme, "verify", noted)
    return asked


def framed(world: World) -> TwoVotes:
    """The second vote is signed by another."""
    good = two(world)
    return TwoVotes(good.first, two(world, 6).second)


def test_the_pool_and_a_block_find_evidence_verified(tmp_path: Path, places: list[bool]) -> None:
    async def main() -> None:
        world = _world().copy()
        async with pooling(tmp_path, world) as stage:
            tx = accusing(two(world))
            await stage.pooling.submit(tx)
            assert places == [False, False]
            with pytest.raises(Invalid):
                await stage.pooling.submit(accusing(framed(world)))
            store, modules = stage.store, modules_of(world.genesis)
            wish = BuildBlock(store.height + 1, 0, world.now, store.header, store.certificate, 2)
            built = await Application(store, modules, Verifier(1)).build(wish, [tx])
            assert built.body.transactions == (tx,)
            places.clear()
            judging._verdict.cache_clear()
            other = Application(store, modules, Verifier(1))
            await other.execute(built.header, encode(built.body))
            assert places == [False, False]
            world.block(tx)
            await stage.settle()
            judging._verdict.cache_clear()
            with pytest.raises(EvidenceKnown):
                await stage.pooling.submit(tx)
            assert places == [False, False]  # what is known costs none

    trio.run(main)


def test_what_a_peer_tells_is_judged_by_the_engine_without_a_pairing(
    tmp_path: Path, places: list[bool]
) -> None:
    world = _world().copy()
    store = SideStore.open(str(tmp_path), world.genesis, modules_of(world.genesis))
    told = list[Received]()

    async def note(event: Received) -> None:
        told.append(event)

    async def main() -> None:
        accusations = Accusations(store, note)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accusations.run)
            for found in (two(world), framed(world)):
                accusations.hear(b"p", EvidenceFound(found))
            await until(lambda: len(told) == 2)
            nursery.cancel_scope.cancel()

    trio.run(main)
    store.close()
    assert places and not any(places)
    asked, given = len(places), (RING.validators, world.genesis.id, BlsScheme())
    for event in told:
        evidence = cast(EvidenceFound, event.message).evidence
        if evidence == two(world):
            assert verify_evidence(evidence, *given) == (2,)
        else:
            with pytest.raises(Invalid):
                verify_evidence(evidence, *given)
    assert len(places) == asked


def test_of_each_peer_a_few_in_turn_and_then_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = trio.testing.MockClock(autojump_threshold=0)
    heard, times = list[bytes](), list[float]()

    async def slow(store: SideStore, evidence: AnyEvidence) -> None:
        times.append(trio.current_time())
        await trio.sleep(0.5)

    async def note(event: Received) -> None:
        heard.append(event.sender)

    monkeypatch.setattr(module, "verify_evidence_ahead", slow)

    async def main() -> None:
        accusations = Accusations(cast(SideStore, None), note)
        message = EvidenceFound(two(_world()))
        for _ in range(3 * OF_ONE):
            accusations.hear(b"flood", message)
        accusations.hear(b"other", message)
        accusations.hear(b"gone", message)
        accusations.leave(b"gone")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accusations.run)
            await trio.sleep(60)
            nursery.cancel_scope.cancel()
        assert heard == [b"flood", b"other", *[b"flood"] * (OF_ONE - 1)]
        gaps = {round(b - a, 3) for a, b in pairwise(times)}
        assert gaps == {0.5 * (1 + REST)}
        for peer in range(2 * OF_ALL):
            accusations.hear(b"%d" % peer, message)
        assert sum(map(len, accusations._waiting.values())) == OF_ALL

    trio.run(main, clock=clock)
