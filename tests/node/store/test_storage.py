"""The store: header, damage named, one whole batch or none, snapshots, ranges."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.node.store import storage
from bystack.node.store.storage import Store
from bystack.primitives.errors import Misuse

MAGIC = b"test"


def opened(path: Path, **other: object) -> Store:
    facts: dict[str, object] = {"kind": "chain", "magic": MAGIC, "version": 1} | other
    return Store.open(path / "db", **facts)  # type: ignore[arg-type]


def test_commit_is_read_back_after_reopening(tmp_path: Path) -> None:
    async def main() -> None:
        with opened(tmp_path) as store:
            await store.commit({b"a": b"1", b"b": b"2"})
            await store.commit({b"a": None, b"c": b"3"})

    trio.run(main)
    with opened(tmp_path) as store:
        assert list(store.iterate()) == [(b"b", b"2"), (b"c", b"3")]
        assert store.get(b"a") is None
        assert store.size > 0


def test_commits_of_many_tasks_all_land(tmp_path: Path) -> None:
    async def main() -> None:
        with opened(tmp_path) as store:
            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(store.commit, {b"k%d" % number: b"v"})
            assert len(list(store.iterate())) == 20

    trio.run(main)


def test_snapshot_stays_at_its_moment(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.commit_now({b"a": b"1"})
        with store.snapshot() as moment:
            store.commit_now({b"a": b"2", b"b": b"2"})
            assert list(moment.iterate()) == [(b"a", b"1")]
            assert moment.get(b"b") is None
        assert store.get(b"a") == b"2"


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"kind": "wallet"}, storage.StoreKind),
        ({"magic": b"main"}, storage.StoreNetwork),
        ({"version": 0}, storage.StoreVersion),
        ({"version": 2}, storage.StoreVersion),
    ],
)
def test_store_of_another_sort_is_refused(
    tmp_path: Path, facts: dict[str, object], error: type[Exception]
) -> None:
    opened(tmp_path).close()
    with pytest.raises(error):
        opened(tmp_path, **facts)
    opened(tmp_path).close()


def test_a_format_changes_with_the_last_batch_of_its_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before it, the whole step is made again; there is nothing after it."""
    opened(tmp_path).close()
    batches: list[set[bytes]] = []
    write = Store._write

    def noted(self: Store, changes: storage.Changes) -> None:
        batches.append({bytes(key) for key in changes})
        write(self, changes)

    monkeypatch.setattr(Store, "_write", noted)
    steps = {1: lambda view: iter([{b"a": b"1"}, {b"b": b"2"}])}
    opened(tmp_path, version=2, migrations=steps).close()
    assert [batch for batch in batches if batch] == [{b"a"}, {b"b", storage.HEADER}]


def test_migrations_carry_an_old_format_forward(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.commit_now({b"old": b"x"})
    steps = {
        1: lambda view: {b"old": None, b"mid": view.get(b"old")},
        2: lambda view: {b"mid": None, b"new": view.get(b"mid")},
    }
    with opened(tmp_path, version=3, migrations=steps) as store:
        assert list(store.iterate()) == [(b"new", b"x")]
    with opened(tmp_path, version=3) as store:
        assert store.get(b"new") == b"x"


def test_second_process_is_locked_out(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(storage.StoreLocked, match="another process"):
        opened(tmp_path)


def test_own_keys_are_out_of_reach(tmp_path: Path) -> None:
    with opened(tmp_path) as store, pytest.raises(Misuse):
        store.commit_now({storage.HEADER: b""})


def test_damaged_table_is_named(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.commit_now({b"k%04d" % n: os.urandom(100) for n in range(2000)})
    opened(tmp_path).close()  # reopening moves the log into a table
    tables = sorted((tmp_path / "db").glob("*.ldb"))
    assert tables
    data = bytearray(tables[0].read_bytes())
    data[5000] ^= 0xFF
    tables[0].write_bytes(data)
    with pytest.raises(storage.StoreCorrupt), opened(tmp_path) as store:
        list(store.iterate())


@pytest.mark.parametrize("name", ["CURRENT", "MANIFEST-*"])
def test_damaged_directory_is_refused(tmp_path: Path, name: str) -> None:
    with opened(tmp_path) as store:
        store.commit_now({b"a": b"1"})
    for file in (tmp_path / "db").glob(name):
        file.write_bytes(b"\x00" * 40)
    with pytest.raises(storage.StoreError):
        opened(tmp_path)


def test_foreign_database_is_refused(tmp_path: Path) -> None:
    handle = storage.plyvel.DB(str(tmp_path / "db"), create_if_missing=True)
    handle.put(b"someone", b"else")
    handle.close()
    with pytest.raises(storage.StoreCorrupt, match="no header"):
        opened(tmp_path)


def test_backwards_to_the_only_key(tmp_path: Path) -> None:
    """plyvel gives nothing when the last key is the `start` of a reversed iterator."""
    with opened(tmp_path) as store:
        store.commit_now({b"\x01": b"1", b"a": b"2", b"b": b"3"})
        assert list(store.iterate(b"\x01", reverse=True)) == [(b"\x01", b"1")]
        assert list(store.iterate(b"a", reverse=True)) == [(b"a", b"2")]


keys = st.binary(min_size=1, max_size=3).filter(lambda key: key[0] > 0)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(keys, st.binary(max_size=4), max_size=20),
    st.binary(max_size=2).filter(lambda prefix: not prefix or prefix[0] > 0),
    st.none() | keys,
    st.booleans(),
)
def test_ranges_agree_with_a_sorted_dictionary(
    tmp_path_factory: pytest.TempPathFactory,
    model: dict[bytes, bytes],
    prefix: bytes,
    start: bytes | None,
    reverse: bool,
) -> None:
    with opened(tmp_path_factory.mktemp("ranges")) as store:
        store.commit_now(model)
        wanted = [
            (key, model[key])
            for key in sorted(model, reverse=reverse)
            if key.startswith(prefix)
            and (start is None or (key <= start if reverse else key >= start))
        ]
        assert list(store.iterate(prefix, reverse=reverse, start=start)) == wanted


CHILD = """
import sys, trio
from bystack.node.store.storage import Store
async def main():
    with Store.open(sys.argv[1], kind="chain", magic=b"test", version=1) as store:
        for number in range(5):
            await store.commit({b"k%d" % n: b"%d" % number for n in range(500)})
trio.run(main)
"""


@pytest.mark.parametrize(
    ("point", "value"), [("store.before_commit:3", b"1"), ("store.after_commit:3", b"2")]
)
def test_kill_inside_commit_leaves_the_old_or_the_new_batch(
    tmp_path: Path, point: str, value: bytes
) -> None:
    mark = tmp_path / "mark"
    env = {
        "BYSTACK_TESTING": "1",
        "BYSTACK_FAILPOINT": point,
        "BYSTACK_FAILPOINT_MARK": str(mark),
    }
    path = str(tmp_path / "db")
    done = subprocess.run([sys.executable, "-c", CHILD, path], env=env, timeout=180, check=False)
    assert done.returncode == -signal.SIGKILL
    assert mark.read_text().startswith(point.partition(":")[0])
    with opened(tmp_path) as store:
        assert {found for _, found in store.iterate()} == {value}
        assert len(list(store.iterate())) == 500


SLOW_CHILD = CHILD.replace("range(5)", "range(10**6)").replace(
    "trio.run", "print('go', flush=True); trio.run"
)


def _logged(path: str) -> int:
    """Bytes in the store's logs now; one that is dropped while we look counts as empty."""
    total = 0
    for log in Path(path).glob("*.log"):
        with suppress(FileNotFoundError):
            total += log.stat().st_size
    return total


def test_kill_at_any_moment_leaves_one_whole_batch(tmp_path: Path) -> None:
    for _ in range(3):
        path = str(tmp_path / "db")
        with subprocess.Popen(
            [sys.executable, "-c", SLOW_CHILD, path], stdout=subprocess.PIPE
        ) as child:
            try:
                assert child.stdout is not None
                child.stdout.readline()
                while child.poll() is None and _logged(path) < 50_000:
                    continue
            finally:
                child.kill()
        with opened(tmp_path) as store:
            held = [value for _, value in store.iterate()]
            assert len(held) == 500
            assert len(set(held)) == 1
