"""Giving peers epochs, snapshots and proofs: one task per peer, at the pace at which it reads.

What a peer asks beyond its due is not answered. Everything is read from the store or from a file in
a thread; nothing is computed for a peer but a few hashes.
"""

from __future__ import annotations

from typing import Final, assert_never

import trio

from bystack.node.sidechain.proving import NotProvable, Prover
from bystack.node.sidechain.snapshots.asking import Peers
from bystack.node.sidechain.snapshots.shelf import Shelf
from bystack.node.sidechain.store import SideStore
from bystack.p2p.queues import Class
from bystack.primitives.codec import encode
from bystack.sidechain.snapshots.messages import (
    EPOCH_BYTES,
    MAX_EPOCHS,
    MAX_OFFERS,
    Answer,
    ChunkGiven,
    Described,
    Epochs,
    GetChunk,
    GetEpochs,
    GetManifest,
    GetProof,
    GetSnapshots,
    ManifestGiven,
    Offer,
    ProofGiven,
    Request,
    Snapshots,
    write_aid,
)

WAITING: Final = 4
PAUSE: Final = 0.05
PATIENCE: Final = 200


class Answers:
    """What a node knows, as answers."""

    def __init__(self, store: SideStore, shelf: Shelf, prover: Prover) -> None:
        self._store, self._shelf, self._prover = store, shelf, prover

    def answer(self, request: Request) -> Answer:
        """What a peer is told."""
        match request:
            case GetEpochs(epoch):
                return self.epochs(epoch)
            case GetSnapshots():
                return self._snapshots()
            case GetManifest(id):
                return self._manifest(id)
            case GetChunk(id, index):
                data = self._shelf.chunk(id, index)
                return ChunkGiven(id, index, () if data is None else (data,))
            case GetProof(key):
                return ProofGiven(self._store.state_proof(key))
            case _:
                assert_never(request)

    def epochs(self, epoch: int) -> Epochs:
        """The proofs from an epoch on, as many as one message should hold."""
        found, size = [], 0
        for proof in self._prover.epochs(epoch, MAX_EPOCHS):
            if size > EPOCH_BYTES:
                break
            found.append(proof)
            size += len(encode(proof))
        return Epochs(tuple(found))

    def _snapshots(self) -> Snapshots:
        kept = self._shelf.manifests[:MAX_OFFERS]
        return Snapshots(tuple(Offer(one.header.height, one.id, one.size) for one in kept))

    def _manifest(self, id: bytes) -> ManifestGiven:
        manifest = self._shelf.find(id)
        if manifest is None:
            return ManifestGiven(id, ())
        try:
            final = self._prover.final(manifest.header.height)
        except NotProvable:
            return ManifestGiven(id, ())
        return ManifestGiven(id, (Described(manifest, final),))


class Giving:
    """Serves every peer that asks."""

    def __init__(self, peers: Peers, answers: Answers, nursery: trio.Nursery) -> None:
        self._host, self._answers, self._nursery = peers, answers, nursery
        self._peers: dict[bytes, trio.MemorySendChannel[Request]] = {}

    def join(self, peer: bytes) -> None:
        """A peer is connected."""
        send, receive = trio.open_memory_channel[Request](WAITING)
        self._peers[peer] = send
        self._nursery.start_soon(self._serve, peer, receive)

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        if (channel := self._peers.pop(peer, None)) is not None:
            channel.close()

    def ask(self, peer: bytes, request: Request) -> None:
        """A peer wants something."""
        channel = self._peers.get(peer)
        try:
            if channel is not None:
                channel.send_nowait(request)
        except trio.WouldBlock:
            return

    async def _serve(self, peer: bytes, wanted: trio.MemoryReceiveChannel[Request]) -> None:
        async for request in wanted:
            answer = await trio.to_thread.run_sync(self._answers.answer, request)
            await self._deliver(peer, *write_aid(answer))

    async def _deliver(self, peer: bytes, kind: int, payload: bytes) -> None:
        for _ in range(PATIENCE):
            if peer not in self._peers or self._host.send(peer, kind, payload, Class.SYNC):
                return
            await trio.sleep(PAUSE)
