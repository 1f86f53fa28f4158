"""Taking a snapshot in: whole or not at all, and whatever kills the process it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.snapshots.arriving import CHAIN, JOINING, REPLACED, Arriving, settle
from bystack.node.sidechain.snapshots.shelf import Shelf
from bystack.node.sidechain.store import SideStore
from bystack.node.store.storage import StoreUnfinished
from bystack.primitives.errors import Invalid
from bystack.sidechain.snapshots.manifests import Manifest
from bystack.sidechain.snapshots.restoring import NOTHING_YET, SnapshotCut
from tests.ledger.people import CAROL
from tests.node.sidechain.snapshots.places import (
    arrive,
    content,
    final_of,
    lived,
    shelved,
    small_chunks,
    store_at,
)
from tests.node.sidechain.test_store import follow


@pytest.fixture(autouse=True)
def chunks() -> Iterator[None]:
    with small_chunks():
        yield


@pytest.fixture
def source(tmp_path: Path) -> Iterator[SideStore]:
    store = store_at(tmp_path / "source", lived())
    yield store
    store.close()


@pytest.fixture
def offered(tmp_path: Path, source: SideStore) -> tuple[Shelf, Manifest]:
    return shelved(tmp_path / "shelf", source)


def test_the_store_that_arrives_is_the_one_it_was_taken_of(
    tmp_path: Path, source: SideStore, offered: tuple[Shelf, Manifest]
) -> None:
    assert len(offered[1].chunks) > 10
    joined = arrive(tmp_path / "node", source.genesis, *offered)
    assert content(joined) == content(source)
    assert (joined.tip, joined.header) == (source.tip, source.header)
    assert joined.leaves_at(joined.height) == source.leaves_at(source.height) != 0
    for leaf in range(source.leaves_at(source.height) or 0):
        assert joined.record(leaf, joined.height) == source.record(leaf, source.height)
    joined.close()


def test_blocks_below_are_not_held_and_the_next_ones_follow(
    tmp_path: Path, source: SideStore, offered: tuple[Shelf, Manifest]
) -> None:
    joined, world = arrive(tmp_path / "node", source.genesis, *offered), lived().copy()
    base = joined.height
    assert joined.first == base + 1 and not joined.holds(base)
    assert joined.final(base) is None and joined.parts(base) is None
    assert joined.header_at(base) == source.header and joined.header_at(base - 1) is None
    world.block(world.transact(CAROL))
    world.block(world.transact(CAROL))
    trio.run(follow, joined, world)
    trio.run(follow, source, world)
    assert joined.height == base + 2 and content(joined) == content(source)
    assert joined.final(base + 1) == source.final(base + 1)
    joined.close()
    again = SideStore.open(str(tmp_path / "node" / CHAIN), world.genesis, modules_of(world.genesis))
    assert (again.height, again.first) == (base + 2, base + 1)
    again.close()


def test_nobody_opens_what_is_not_whole(
    tmp_path: Path, source: SideStore, offered: tuple[Shelf, Manifest]
) -> None:
    shelf, manifest = offered
    arriving = Arriving.open(str(tmp_path), source.genesis.id)
    arriving.begin(manifest)
    arriving.take(shelf.chunk(manifest.id, 0) or b"")
    arriving.close()
    with pytest.raises(StoreUnfinished):
        modules = modules_of(source.genesis)
        SideStore.open(str(tmp_path / JOINING), source.genesis, modules)
    assert not settle(str(tmp_path), source.genesis.id)
    again = Arriving.open(str(tmp_path), source.genesis.id)
    assert again.resumed == manifest
    again.begin(manifest)
    assert again.progress.chunks == 1, "it goes on where it was"
    with pytest.raises(SnapshotCut):
        again.finish(final_of(manifest), ())
    again.close()


def test_a_refused_chunk_changes_nothing_and_another_snapshot_begins_anew(
    tmp_path: Path, source: SideStore, offered: tuple[Shelf, Manifest]
) -> None:
    shelf, manifest = offered
    first = shelf.chunk(manifest.id, 0) or b""
    arriving = Arriving.open(str(tmp_path), source.genesis.id)
    arriving.begin(manifest)
    arriving.take(first)
    before = arriving.progress
    with pytest.raises(Invalid):
        arriving.take(first)
    assert arriving.progress == before
    arriving.begin(replace(manifest, size=manifest.size + 1))
    assert arriving.progress == NOTHING_YET
    assert not [key for key, _ in arriving._store.iterate() if key[:1] in b"snc"]
    arriving.close()


def test_what_cannot_be_read_is_made_anew(tmp_path: Path, source: SideStore) -> None:
    place = tmp_path / JOINING
    place.mkdir()
    (place / "000005.ldb").write_bytes(b"damaged")
    assert not settle(str(tmp_path), source.genesis.id)
    Arriving.open(str(tmp_path), source.genesis.id).close()


POINTS = [
    ("snapshot.before_chunk", 1),
    ("snapshot.before_chunk", 7),
    ("snapshot.after_chunk", 7),
    ("snapshot.before_finish", 1),
    ("snapshot.after_finish", 1),
    ("snapshot.old_away", 1),
    ("snapshot.in_place", 1),
]


@pytest.mark.parametrize(("point", "nth"), POINTS)
def test_killed_at_any_step_it_goes_on(
    tmp_path: Path, source: SideStore, offered: tuple[Shelf, Manifest], point: str, nth: int
) -> None:
    """There was a chain before: it stays until the new one is whole, and is gone then."""
    node, mark = tmp_path / "node", tmp_path / "mark"
    SideStore.open(str(node / CHAIN), source.genesis, modules_of(source.genesis)).close()
    given = {"BYSTACK_TESTING": "1", "BYSTACK_FAILPOINT": f"{point}:{nth}"}
    environment = {**os.environ, **given, "BYSTACK_FAILPOINT_MARK": str(mark)}
    module = "tests.node.sidechain.snapshots.killed_arrival"
    argv = [sys.executable, "-m", module, str(tmp_path / "shelf"), str(node)]
    done = subprocess.run(argv, env=environment, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL and mark.exists(), done.stderr
    if not settle(str(node), source.genesis.id) and point != "snapshot.in_place":
        old = SideStore.open(str(node / CHAIN), source.genesis, modules_of(source.genesis))
        assert old.height == 0
        old.close()
        arrive(node, source.genesis, *offered).close()
    joined = SideStore.open(str(node / CHAIN), source.genesis, modules_of(source.genesis))
    assert content(joined) == content(source) and joined.header == source.header
    joined.close()
    settle(str(node), source.genesis.id)
    assert not (node / JOINING).exists() and not (node / REPLACED).exists()


def test_the_old_chain_comes_back_where_what_replaces_it_cannot_be_read(
    tmp_path: Path, source: SideStore, offered: tuple[Shelf, Manifest]
) -> None:
    """Killed between the two renames, and the new store damaged since: nothing else is left."""
    node = tmp_path / "node"
    arrive(node, source.genesis, *offered).close()
    os.rename(node / CHAIN, node / REPLACED)
    (node / JOINING).mkdir()
    (node / JOINING / "CURRENT").write_text("MANIFEST-000099\n")
    assert not settle(str(node), source.genesis.id)
    again = SideStore.open(str(node / CHAIN), source.genesis, modules_of(source.genesis))
    assert again.header == source.header
    again.close()
