"""Snapshots kept for others: made beside the chain, two at most, whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from bystack.node.sidechain.snapshots.shelf import MAKING, MANIFEST, Shelf
from bystack.node.sidechain.store import SideStore
from bystack.primitives.codec import encode
from bystack.sidechain.snapshots.manifests import check_manifest
from bystack.sidechain.snapshots.restoring import check_chunk
from tests.ledger.people import CAROL
from tests.node.sidechain.snapshots.places import lived, shelved, small_chunks, store_at
from tests.node.sidechain.test_store import follow
from tests.sidechain.snapshots.samples import Taken


@pytest.fixture(autouse=True)
def chunks() -> Iterator[None]:
    with small_chunks():
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SideStore]:
    made = store_at(tmp_path / "chain", lived())
    yield made
    made.close()


def test_it_is_what_the_rules_say_a_snapshot_is(tmp_path: Path, store: SideStore) -> None:
    shelf, manifest = shelved(tmp_path / "shelf", store)
    check_manifest(manifest, store.genesis.id)
    for index in range(len(manifest.chunks)):
        check_chunk(manifest, index, shelf.chunk(manifest.id, index) or b"")
    assert manifest == Taken.of(lived()).manifest()


def test_what_is_not_there_is_not_given(tmp_path: Path, store: SideStore) -> None:
    shelf, manifest = shelved(tmp_path / "shelf", store)
    assert shelf.chunk(manifest.id, len(manifest.chunks)) is None
    assert shelf.chunk(b"x" * 32, 0) is None and shelf.find(b"x" * 32) is None


def test_it_is_of_the_moment_it_was_asked_for(tmp_path: Path, store: SideStore) -> None:
    shelf, world = Shelf(str(tmp_path / "shelf"), store.genesis.id, 2), lived().copy()
    view = store.snapshot()
    world.block(world.transact(CAROL))
    trio.run(follow, store, world)
    manifest = trio.run(shelf.make, view)
    assert manifest is not None and manifest == Taken.of(lived()).manifest()


def test_the_newest_two_stay(tmp_path: Path, store: SideStore) -> None:
    world, heights = lived().copy(), []
    shelf = Shelf(str(tmp_path / "shelf"), store.genesis.id, 2)
    for _ in range(3):
        trio.run(shelf.make, store.snapshot())
        assert trio.run(shelf.make, store.snapshot()) is None, "one of a height is enough"
        heights.append(store.height)
        world.block(world.transact(CAROL))
        trio.run(follow, store, world)
    assert [one.header.height for one in shelf.manifests] == heights[:0:-1]
    assert len(list((tmp_path / "shelf").iterdir())) == 2
    again = Shelf(str(tmp_path / "shelf"), store.genesis.id, 2)
    assert again.manifests == shelf.manifests
    assert Shelf(str(tmp_path / "shelf"), store.genesis.id, 1).manifests == shelf.manifests[:1]


def test_a_shelf_of_none_makes_none(tmp_path: Path, store: SideStore) -> None:
    shelf = Shelf(str(tmp_path / "shelf"), store.genesis.id, 0)
    assert trio.run(shelf.make, store.snapshot()) is None


def test_what_a_killed_process_left_goes(tmp_path: Path, store: SideStore) -> None:
    _, manifest = shelved(tmp_path / "shelf", store)
    for name, data in ((MAKING, b""), ("000000000099", b"rubbish"), ("000000000100", b"")):
        place = tmp_path / "shelf" / name
        place.mkdir()
        (place / ("chunk-00000" if name == MAKING else MANIFEST)).write_bytes(data)
    assert Shelf(str(tmp_path / "shelf"), store.genesis.id, 2).manifests == (manifest,)
    assert len(list((tmp_path / "shelf").iterdir())) == 1


def test_another_chains_are_not_given(tmp_path: Path, store: SideStore) -> None:
    _, manifest = shelved(tmp_path / "shelf", store)
    place = tmp_path / "shelf" / f"{manifest.header.height:012d}" / MANIFEST
    assert place.read_bytes() == encode(manifest)
    assert not Shelf(str(tmp_path / "shelf"), b"x" * 32, 2).manifests
