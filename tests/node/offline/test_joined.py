"""A store that began from a snapshot, checked: sound as it came, and every damage named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from bystack.node.offline.findings import Report
from bystack.node.offline.sidechains import check_sidechain
from bystack.node.sidechain import columns as keys
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.snapshots.arriving import CHAIN
from bystack.node.store.coinstore import PREFIX as COIN
from bystack.node.store.storage import Store
from bystack.primitives.codec import encode
from bystack.primitives.hashes import fixed
from bystack.sidechain.assembly import Proposal, assemble
from tests.ledger.people import CAROL
from tests.node.sidechain.snapshots.places import arrive, lived, shelved, store_at
from tests.node.sidechain.test_store import certificate_for
from tests.sidechain.world import World, verified


@pytest.fixture
def joined(tmp_path: Path) -> Iterator[Path]:
    """A joined store with two blocks above the snapshot."""
    world = lived().copy()
    source = store_at(tmp_path / "source", world)
    store = arrive(tmp_path / "node", world.genesis, *shelved(tmp_path / "shelf", source))
    source.close()
    for _ in range(2):
        named = store.certificate
        proposal = Proposal(0, world.now, encode(named), named.hash)
        side, txs = world.side, [world.transact(CAROL)]
        built = assemble(side.genesis, side.modules, side.base, proposal, txs, verified)
        world.side.commit(built)
        height = built.header.height
        done = (built.header, encode(built.body), certificate_for(world, height), built.executed)
        trio.run(store.commit, *done)
    store.close()
    yield tmp_path / "node" / CHAIN


def check(place: Path, world: World) -> Report:
    modules = modules_of(world.genesis)
    return trio.run(check_sidechain, str(place), world.genesis, modules, False)


def test_one_that_came_whole_is_sound(joined: Path) -> None:
    report = check(joined, lived())
    assert report.sound, (report.damaged, report.differences)
    base = lived().side.header.height
    assert (report.height, report.first_kept, report.blocks) == (base + 2, base + 1, 2)
    assert report.coins and os.listdir(joined.parent) == [CHAIN]


KINDS = (keys.STATE, keys.TRIE, COIN, keys.NODE, keys.HEADER, keys.BODY)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_changed_is_found(joined: Path, kind: bytes) -> None:
    genesis = lived().genesis
    store = Store.open(joined, kind=keys.KIND, magic=genesis.id[:4], version=keys.FORMAT)
    key, value = list(store.iterate(kind))[-1]
    store.commit_now({key: value[:-1] + bytes([value[-1] ^ 1])})
    store.close()
    assert not check(joined, lived()).sound


def test_a_missing_block_is_found(joined: Path) -> None:
    genesis, base = lived().genesis, lived().side.header.height
    store = Store.open(joined, kind=keys.KIND, magic=genesis.id[:4], version=keys.FORMAT)
    store.commit_now({keys.BODY + fixed(base + 1): None})
    store.close()
    report = check(joined, lived())
    assert [str(one) for one in report.damaged] == [
        f"block {base + 1}: damaged or invalid (Malformed)"
    ]
