"""A sidechain's store is executed again; every key that is not what its blocks give is named."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import trio

from bystack.node.offline.findings import Report
from bystack.node.offline.sidechains import KINDS, check_sidechain
from bystack.node.sidechain import columns as keys
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.store import SideStore
from bystack.node.store.storage import Store
from bystack.primitives.hashes import fixed
from tests.node.sidechain.test_store import busy, follow
from tests.sidechain.world import World


@cache
def world() -> World:
    return busy()


def made(folder: Path) -> Path:
    """The store of a world with a claim, a burn, a batch and its settlement."""
    genesis = world().genesis
    store = SideStore.open(str(folder), genesis, modules_of(genesis))
    trio.run(follow, store, world())
    store.close()
    return folder


def checked(folder: Path, *, signatures: bool = False) -> Report:
    """The world's certificates and peg proofs are not signed: signatures are left out."""
    genesis = world().genesis
    return trio.run(check_sidechain, str(folder), genesis, modules_of(genesis), signatures)


def spoil(folder: Path, change: Callable[[Store], dict[bytes, bytes | None]]) -> None:
    magic = world().genesis.id[:4]
    with Store.open(folder, kind=keys.KIND, magic=magic, version=keys.FORMAT) as store:
        store.commit_now(change(store))


def test_a_store_is_what_its_blocks_give(tmp_path: Path) -> None:
    report = checked(made(tmp_path / "s"))
    assert report.sound, report
    assert report.height == len(world().side.blocks) == report.blocks
    assert report.transactions == sum(len(b.body.transactions) for b in world().side.blocks)
    assert report.coins == len(world().side.coins)
    assert [path.name for path in tmp_path.iterdir()] == ["s"], "the scratch store is removed"


def test_a_fresh_store_is_sound(tmp_path: Path) -> None:
    genesis = world().genesis
    SideStore.open(str(tmp_path / "s"), genesis, modules_of(genesis)).close()
    assert checked(tmp_path / "s", signatures=True).sound


def first(store: Store, kind: bytes) -> bytes:
    return next(key for key, _ in store.iterate(kind))


NONE_HERE = (keys.KEPT, keys.EVIDENCE, keys.EPOCH, keys.BASE)
EVERY = [kind for kind in KINDS if kind not in NONE_HERE]
PARTS = (keys.HEADER, keys.BODY, keys.FINAL)


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind not in (*PARTS, keys.TIP)])
def test_a_key_of_each_kind_lost_and_altered_is_named(tmp_path: Path, kind: bytes) -> None:
    for fault in ("missing", "changed"):
        folder = made(tmp_path / fault)

        def change(store: Store, fault: str = fault) -> dict[bytes, bytes | None]:
            key = first(store, kind)
            data = store.get(key)
            assert data
            return {key: None if fault == "missing" else data[:-1] + bytes([data[-1] ^ 1])}

        spoil(folder, change)
        report = checked(folder)
        assert list(report.counts) == [f"{KINDS[kind]} {fault}"]
        assert report.step.startswith("move the directory away")


@pytest.mark.parametrize("kind", PARTS)
def test_a_block_that_is_damaged_or_missing_is_named(tmp_path: Path, kind: bytes) -> None:
    for fault in (None, b"rubbish"):
        folder = made(tmp_path / str(fault))
        spoil(folder, lambda store, fault=fault: {kind + fixed(3): fault})  # type: ignore[misc]
        report = checked(folder)
        assert [one.id for one in report.damaged] == ["3"]
        assert report.height == 2


def test_a_false_certificate_is_found_unless_signatures_are_left_out(tmp_path: Path) -> None:
    folder = made(tmp_path / "s")
    assert checked(folder).sound
    report = checked(folder, signatures=True)
    assert [one.id for one in report.damaged] == ["1"]


def test_what_belongs_to_no_kind_is_named(tmp_path: Path) -> None:
    folder = made(tmp_path / "s")
    spoil(folder, lambda store: {b"Zoo": b"?", b"c" + bytes(36): b"?"})
    assert set(checked(folder).counts) == {"unknown key surplus", "coin surplus"}


def test_every_kind_of_key_has_a_name() -> None:
    prefixes = {
        value
        for name, value in vars(keys).items()
        if name.isupper() and isinstance(value, bytes) and len(value) == 1
    }
    assert prefixes <= KINDS.keys()
