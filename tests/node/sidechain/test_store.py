"""The sidechain at rest: one batch a block, found again and proved from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import trio

from bystack.ledger.transactions import Outpoint
from bystack.node.sidechain.columns import Tip
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.store import SideStore
from bystack.node.store.storage import StoreCorrupt, StoreNetwork
from bystack.primitives.codec import encode
from bystack.primitives.mountain import mountain_verify
from bystack.primitives.multiset import multiset_digest
from bystack.primitives.trie import verify_absence, verify_presence
from bystack.sidechain.blocks import decode_body
from bystack.sidechain.consensus.messages import BlockData
from bystack.sidechain.consensus.statements import COMMIT, Certificate, genesis_certificate
from bystack.sidechain.records import MIRROR, batch_key, record_leaf
from bystack.sidechain.state import state_root
from bystack.sidechain.sums import sums_of
from tests.ledger.people import CAROL
from tests.sidechain.world import World, ready
from tests.wire import check_wire


def certificate_for(world: World, height: int) -> Certificate:
    block = world.side.blocks[height - 1].header.id
    return Certificate(COMMIT, 0, height, 0, block, bytes(32), b"\x07", b"\x01" * 96)


async def follow(store: SideStore, world: World) -> None:
    """Commit every block of a world that the store lacks."""
    for built in world.side.blocks[store.height :]:
        height = built.header.height
        certificate = certificate_for(world, height)
        done = await store.commit(built.header, encode(built.body), certificate, built.executed)
        assert done == built.body


def busy() -> World:
    """A world with a claim, a burn, a batch and its settlement."""
    made = ready()
    made.pegged(900)
    made.burn(100)
    made.pay(0)
    return made


@pytest.fixture
def world() -> World:
    return busy()


@pytest.fixture
def store(tmp_path: Path, world: World) -> Iterator[SideStore]:
    opened = SideStore.open(str(tmp_path / "chain"), world.genesis, modules_of(world.genesis))
    yield opened
    opened.close()


def test_the_tip_is_a_wire_type() -> None:
    check_wire("sidechain_tip", Tip(7, b"r" * 32, b"m" * 384))


def test_a_fresh_store_holds_the_first_block(store: SideStore, world: World) -> None:
    assert store.height == 0
    assert store.certificate == genesis_certificate(store.header)
    assert store.header.chain == world.genesis.id
    assert decode_body(store.parts(0)[2]).transactions == ()  # type: ignore[index]


def test_it_holds_what_the_world_holds(store: SideStore, world: World) -> None:
    trio.run(follow, store, world)
    assert dict(store.coins.all()) == world.side.coins
    for key, value in world.side.state.items():
        assert store.state.get(key) == value
    assert (store.tip.system_root, store.tip.multiset) == (world.side.root, world.side.multiset)
    for height, built in enumerate(world.side.blocks, 1):
        found = store.final(height)
        assert found is not None
        assert (found.header, found.body) == (built.header, encode(built.body))
        assert found.certificate == certificate_for(world, height)
        assert store.height_of(built.header.id) == height
        assert [name for name, _ in store.events_at(height)] == [
            event.name for event in built.executed.events
        ]
        for position, tx in enumerate(built.body.transactions):
            assert store.find(tx.id) == (height, position)
    assert store.final(store.height + 1) is None


def test_its_base_executes_the_next_block(store: SideStore, world: World) -> None:
    trio.run(follow, store, world)
    with store.snapshot() as snapshot:
        base = store.base(snapshot)
        assert (base.parent, base.system_root) == (world.side.header, world.side.root)
        for place, coin in world.side.coins.items():
            assert base.coins.get(place) == coin
        assert base.coins.get(Outpoint(bytes(32), 0)) is None


def test_a_snapshot_stays_where_it_was(store: SideStore, world: World) -> None:
    trio.run(follow, store, world)
    with store.snapshot() as snapshot:
        world.block(world.transact(CAROL))
        trio.run(follow, store, world)
        assert store.base(snapshot).parent.height == store.height - 1
        assert store.base(snapshot).multiset != store.tip.multiset


def test_a_second_commit_of_a_height_changes_nothing(store: SideStore, world: World) -> None:
    trio.run(follow, store, world)
    built, before = world.side.blocks[2], store.tip
    other = certificate_for(world, 3)
    other = msgspec.structs.replace(other, view=9)
    again = (built.header, encode(built.body), other, built.executed)
    assert trio.run(store.commit, *again) is None
    assert store.tip == before and store.certificate_at(3) == certificate_for(world, 3)


def test_what_was_committed_is_there_after_opening_again(tmp_path: Path, world: World) -> None:
    modules = modules_of(world.genesis)
    store = SideStore.open(str(tmp_path), world.genesis, modules)
    trio.run(follow, store, world)
    tip, header, certificate = store.tip, store.header, store.certificate
    store.close()
    store = SideStore.open(str(tmp_path), world.genesis, modules)
    assert (store.tip, store.header, store.certificate) == (tip, header, certificate)
    store.close()


def test_another_genesis_is_another_network(tmp_path: Path, world: World) -> None:
    SideStore.open(str(tmp_path), world.genesis, modules_of(world.genesis)).close()
    other = msgspec.structs.replace(world.genesis, name="other")
    with pytest.raises(StoreNetwork):
        SideStore.open(str(tmp_path), other, modules_of(other))


def test_a_missing_block_is_named(tmp_path: Path, world: World) -> None:
    store = SideStore.open(str(tmp_path), world.genesis, modules_of(world.genesis))
    trio.run(follow, store, world)
    store._store.commit_now({b"b" + store.height.to_bytes(8, "big"): None})
    with pytest.raises(StoreCorrupt, match="missing"):
        store.final(store.height)
    store.close()
    with pytest.raises(StoreCorrupt):
        SideStore.open(str(tmp_path), world.genesis, modules_of(world.genesis))


def test_records_are_proved_under_every_later_header(store: SideStore, world: World) -> None:
    trio.run(follow, store, world)
    batch = world.batch(0)
    leaf = record_leaf(batch.record, bytes(32))
    for height in range(batch.height, store.height + 1):
        header, proof = store.header_at(height), store.record(batch.leaf, height)
        assert header is not None and proof is not None
        mountain_verify(header.outbox_root, leaf, proof)
    assert store.record(batch.leaf, store.height + 1) is None


def test_state_is_proved_under_the_tips_header(store: SideStore, world: World) -> None:
    trio.run(follow, store, world)
    root = store.tip.system_root
    assert store.header.state_root == state_root(root, multiset_digest(store.tip.multiset))
    for key in (MIRROR, batch_key(0)):
        value = store.state.get(key)
        assert value is not None
        verify_presence(root, key, value, store.prove_state(key))
    verify_absence(root, batch_key(99), store.prove_state(batch_key(99)))
    assert sums_of(world.view, world.genesis.assets[0].asset).circulating


def test_kept_blocks_go_with_their_height(store: SideStore, world: World) -> None:
    built = world.side.blocks[0]
    data = BlockData(built.header, encode(built.body), (store.certificate,))
    trio.run(store.keep, data)
    assert store.kept() == (data,)
    trio.run(follow, store, world)
    assert store.kept() == ()


POINTS = ("sidechain.before_commit", "store.before_commit", "store.after_commit")


@pytest.mark.parametrize("point", [*POINTS, "sidechain.after_commit"])
@pytest.mark.parametrize("nth", [2, 5])
def test_killed_at_any_step_it_goes_on_from_the_last_whole_block(
    tmp_path: Path, world: World, point: str, nth: int
) -> None:
    path, mark = tmp_path / "chain", tmp_path / "mark"
    given = {"BYSTACK_TESTING": "1", "BYSTACK_FAILPOINT": f"{point}:{nth}"}
    environment = {**os.environ, **given, "BYSTACK_FAILPOINT_MARK": str(mark)}
    argv = [sys.executable, "-m", "tests.node.sidechain.killed_store", str(path)]
    done = subprocess.run(argv, env=environment, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL and mark.exists(), done.stderr
    store = SideStore.open(str(path), world.genesis, modules_of(world.genesis))
    # The store's own points are passed once more, when the first block is written.
    passed = nth - (2 if point.startswith("store") else 1)
    assert store.height == passed + (1 if "after" in point else 0)
    trio.run(follow, store, world)
    assert dict(store.coins.all()) == world.side.coins
    assert (store.tip.system_root, store.tip.multiset) == (world.side.root, world.side.multiset)
    store.close()
