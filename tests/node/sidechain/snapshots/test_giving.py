"""What a node gives to those who join: what it has, as it is, and no more than is due."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from bystack.node.sidechain.proving import Prover
from bystack.node.sidechain.snapshots.giving import WAITING, Answers, Giving
from bystack.node.sidechain.store import SideStore
from bystack.node.sidechain.voting.engines import verifier_of
from bystack.p2p.queues import Class
from bystack.primitives.merkle import ProofMismatch
from bystack.sidechain.proofs import StateProof, check_state_proof
from bystack.sidechain.records import MIRROR
from bystack.sidechain.snapshots.manifests import Manifest
from bystack.sidechain.snapshots.messages import (
    Answer,
    ChunkGiven,
    Epochs,
    GetChunk,
    GetEpochs,
    GetManifest,
    GetProof,
    GetSnapshots,
    ManifestGiven,
    ProofGiven,
    Snapshots,
    read_aid,
)
from tests.node.sidechain.network import until
from tests.node.sidechain.snapshots.places import lived, shelved, store_at

PEER = b"p" * 32


@pytest.fixture
def given(tmp_path: Path) -> Iterator[tuple[Answers, SideStore, Manifest]]:
    store = store_at(tmp_path / "chain", lived())
    shelf, manifest = shelved(tmp_path / "shelf", store)
    yield Answers(store, shelf, Prover(store, verifier_of(store.genesis))), store, manifest
    store.close()


Given = tuple[Answers, SideStore, Manifest]


def test_snapshots_are_offered_described_and_given(given: Given) -> None:
    answers, store, manifest = given
    offered = answers.answer(GetSnapshots())
    assert isinstance(offered, Snapshots)
    (offer,) = offered.offers
    assert (offer.height, offer.manifest) == (store.height, manifest.id)
    told = answers.answer(GetManifest(manifest.id))
    assert isinstance(told, ManifestGiven)
    assert told.found[0].manifest == manifest
    assert told.found[0].final.certificate == store.certificate
    chunk = answers.answer(GetChunk(manifest.id, 0))
    assert isinstance(chunk, ChunkGiven) and len(chunk.data[0]) == manifest.size


def test_what_is_not_there_is_an_empty_answer(given: Given) -> None:
    answers, _, manifest = given
    assert answers.answer(GetManifest(b"x" * 32)) == ManifestGiven(b"x" * 32, ())
    for id, index in ((b"x" * 32, 0), (manifest.id, 1), (manifest.id, 2**32 - 1)):
        assert answers.answer(GetChunk(id, index)) == ChunkGiven(id, index, ())
    for epoch in (0, 5, 2**63 - 1):
        assert answers.answer(GetEpochs(epoch)) == Epochs(())


def proof_of(answers: Answers, key: bytes) -> StateProof:
    told = answers.answer(GetProof(key))
    assert isinstance(told, ProofGiven)
    return told.proof


def test_an_entry_is_proved_present_or_absent_under_the_last_header(given: Given) -> None:
    answers, store, _ = given
    present, absent = proof_of(answers, MIRROR), proof_of(answers, b"nothing/there")
    assert present.value == (store.state.get(MIRROR),) and absent.value == ()
    for proof in (present, absent):
        assert proof.header == store.header
        check_state_proof(proof)
    lies: tuple[tuple[bytes, ...], ...] = ((), (b"other",))
    for value in lies:
        with pytest.raises(ProofMismatch):
            check_state_proof(replace(present, value=value))


class Host:
    def __init__(self) -> None:
        self.sent: list[Answer] = []

    def send(self, peer: bytes, kind: int, payload: bytes, cls: Class) -> bool:
        assert cls == Class.SYNC
        answer = read_aid(kind, payload)
        assert isinstance(answer, Answer)
        self.sent.append(answer)
        return True

    def penalise(self, peer: bytes, points: int, reason: str) -> None:
        raise AssertionError(reason)


def test_what_a_peer_asks_beyond_its_due_is_not_answered(given: Given) -> None:
    async def main() -> None:
        host = Host()
        async with trio.open_nursery() as nursery:
            giving = Giving(host, given[0], nursery)
            giving.ask(PEER, GetSnapshots())  # not connected
            giving.join(PEER)
            for _ in range(5 * WAITING):
                giving.ask(PEER, GetSnapshots())
            await trio.testing.wait_all_tasks_blocked()
            await until(lambda: len(host.sent) >= WAITING)
            giving.leave(PEER)
        assert WAITING <= len(host.sent) <= WAITING + 1

    trio.run(main)
