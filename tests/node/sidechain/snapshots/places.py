"""A chain's store with a life behind it, and a snapshot of it in many small chunks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

import trio

from bystack.node.sidechain import columns as keys
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.snapshots.arriving import CHAIN, Arriving, settle
from bystack.node.sidechain.snapshots.shelf import Shelf
from bystack.node.sidechain.store import SideStore
from bystack.node.store.coinstore import PREFIX as COIN
from bystack.sidechain.consensus.light import FinalHeader
from bystack.sidechain.consensus.statements import COMMIT, Certificate
from bystack.sidechain.params import Genesis
from bystack.sidechain.snapshots import manifests, rows
from bystack.sidechain.snapshots.manifests import Manifest
from tests.ledger.people import CAROL
from tests.node.sidechain.test_store import follow
from tests.sidechain.world import World, funded

SMALL = 900
SAME = (keys.STATE, keys.TRIE, COIN, keys.NODE)
"""What a store has under these must be the same, however it came there."""


@contextmanager
def small_chunks() -> Iterator[None]:
    """Chunks of a few hundred bytes, wherever their size is asked for."""
    with patch.object(manifests, "CHUNK", SMALL), patch.object(rows, "CHUNK", SMALL):
        yield


@lru_cache(maxsize=1)
def lived() -> World:
    world = funded()
    for _ in range(3):
        world.burn(100)
        world.block(world.transact(CAROL))
    world.pay(0)
    return world


def store_at(place: Path, world: World) -> SideStore:
    """A store that followed a world."""
    store = SideStore.open(str(place), world.genesis, modules_of(world.genesis))
    trio.run(follow, store, world)
    return store


def shelved(folder: Path, store: SideStore, kept: int = 2) -> tuple[Shelf, Manifest]:
    """A snapshot of a store as it is."""
    shelf = Shelf(str(folder), store.genesis.id, kept)
    manifest = trio.run(shelf.make, store.snapshot())
    assert manifest is not None
    return shelf, manifest


def arrive(folder: Path, genesis: Genesis, shelf: Shelf, manifest: Manifest) -> SideStore:
    """Take a snapshot in, from wherever an earlier try ended; the store that goes on from it."""
    os.makedirs(folder, exist_ok=True)
    arriving = Arriving.open(str(folder), genesis.id)
    try:
        arriving.begin(manifest)
        while arriving.progress.chunks < len(manifest.chunks):
            data = shelf.chunk(manifest.id, arriving.progress.chunks)
            assert data is not None
            arriving.take(data)
        arriving.finish(final_of(manifest), ())
    finally:
        arriving.close()
    assert settle(str(folder), genesis.id)
    return SideStore.open(str(folder / CHAIN), genesis, modules_of(genesis))


def final_of(manifest: Manifest) -> FinalHeader:
    """The header with a certificate that names it."""
    header = manifest.header
    certificate = Certificate(
        COMMIT, header.epoch, header.height, 0, header.id, bytes(32), b"\x07", b"\x01" * 96
    )
    return FinalHeader(header, certificate, ())


def content(store: SideStore) -> dict[bytes, bytes]:
    """All that a snapshot brings."""
    with store.snapshot() as view:
        return {key: value for kind in SAME for key, value in view.iterate(kind)}
