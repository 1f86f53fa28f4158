"""Stores as earlier versions wrote them open, pass the check, and go on.

`stores/mainchain-1.msgpack` holds every key and value of a main chain's store that the first
version of this program wrote: eight blocks and a branch that was left, with payments and deposits.
Whoever changes what lies in a store raises FORMAT, adds a migration, and adds a store of his own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
import trio

from bystack.mainchain.work import ENGINES
from bystack.node.mainchain.mining import generate
from bystack.node.offline.checking import Options, check_chain
from bystack.node.store import storage
from bystack.node.store.chainstore import ANCHOR, ChainStore
from bystack.node.store.storage import Changes, Store, View
from tests.ledger.people import ALICE
from tests.mainchain.builders import EASY
from tests.node.mainchain.network import running

STORES = Path(__file__).parent / "stores"


def unpacked(name: str, folder: Path) -> Path:
    """A stored store, as its process left it."""
    handle = storage.plyvel.DB(str(folder), create_if_missing=True)
    for key, value in msgpack.unpackb((STORES / f"{name}.msgpack").read_bytes()):
        handle.put(key, value)
    handle.close()
    return folder


@pytest.mark.parametrize("file", sorted(STORES.glob("mainchain-*.msgpack")), ids=lambda f: f.stem)
def test_an_old_main_chain_opens_checks_and_goes_on(tmp_path: Path, file: Path) -> None:
    folder = unpacked(file.stem, tmp_path / "s")
    store = ChainStore.open(folder, EASY)
    assert store.load().tree.best().header.height == 8
    store.close()

    async def main() -> None:
        report = await check_chain(str(folder), EASY, ENGINES, Options())
        assert report.sound, report
        assert (report.height, report.transactions) == (8, 10)
        async with running(folder) as (node,):
            await generate(node.driver, 3, ALICE.lock)
        assert (await check_chain(str(folder), EASY, ENGINES, Options())).sound

    trio.run(main)


def test_an_old_main_chain_with_vaults_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """Since which turn their terms are in force was not kept: only the blocks say it."""
    folder = unpacked("mainchain-1", tmp_path / "s")
    handle = storage.plyvel.DB(str(folder))
    handle.put(ANCHOR + b"\x07" * 32, b"where")
    before = list(handle)
    handle.close()
    with pytest.raises(storage.StoreVersion) as refused:
        ChainStore.open(folder, EASY)
    told = str(refused.value)
    assert told.startswith(f"{folder}: format 1 has vaults of another form; move the directory")
    handle = storage.plyvel.DB(str(folder))
    assert list(handle) == before
    handle.close()


def renamed(view: View) -> Iterator[Changes]:
    """From keys under `old` to the same under `new`, one at a time; may be begun again."""
    for key, value in view.iterate(b"old"):
        yield {b"new" + key[3:]: value, key: None}


def store_of(folder: Path, version: int, how: object = None) -> Store:
    migrations = None if how is None else {1: how}
    return Store.open(
        folder,
        kind="k",
        magic=b"test",
        version=version,
        migrations=migrations,  # type: ignore[arg-type]
    )


def test_a_migration_in_steps_is_finished_after_a_kill(tmp_path: Path) -> None:
    rows = {b"old%d" % number: b"%d" % number for number in range(5)}
    with store_of(tmp_path, 1) as store:
        store.commit_now(rows)

    def cut_short(view: View) -> Iterator[Changes]:
        for number, changes in enumerate(renamed(view)):
            if number == 3:
                raise KeyboardInterrupt
            yield changes

    with pytest.raises(KeyboardInterrupt):
        store_of(tmp_path, 2, cut_short)
    with pytest.raises(storage.StoreVersion, match="no migration"):
        store_of(tmp_path, 2)
    with store_of(tmp_path, 2, renamed) as store:
        assert dict(store.iterate()) == {b"new" + key[3:]: value for key, value in rows.items()}
    with pytest.raises(storage.StoreVersion, match="newer than this program's 1"):
        store_of(tmp_path, 1)
