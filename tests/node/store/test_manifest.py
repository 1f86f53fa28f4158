"""Directories that LevelDB would open with a hole in them are refused, whole ones are not."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from bystack.node.store.manifest import fault_of
from bystack.node.store.storage import Store, StoreCorrupt, StoreError

ROWS, SIZE, COMMITS = 50, 2_000, 60
SMALL = 1 << 20  # so that there are several tables, and edits of the MANIFEST
FACTS: dict[str, object] = {"kind": "x", "magic": b"test", "version": 1, "write_buffer": SMALL}


def opened(folder: Path) -> Store:
    return Store.open(folder, **FACTS)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of several tables and a log, closed as a killed process leaves it."""
    folder, rng = tmp_path_factory.mktemp("written") / "s", random.Random(1)
    with opened(folder) as store:
        for number in range(COMMITS):
            rows = {b"k%06d" % (number * ROWS + i): rng.randbytes(SIZE) for i in range(ROWS)}
            store.commit_now({**rows, b"n": b"%d" % number})
    assert len(list(folder.glob("*.ldb"))) > 2
    return folder


def copied(folder: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, place)
    return place


def committed(folder: Path) -> int:
    """The number of commits that the store holds, each of them whole."""
    with opened(folder) as store:
        rows = dict(store.iterate())
        count = int(rows.pop(b"n", b"-1")) + 1
        assert len(rows) == count * ROWS, "there is a hole"
        return count


def test_a_whole_directory_has_no_fault(written: Path, tmp_path: Path) -> None:
    assert fault_of(str(written)) == ""
    assert committed(copied(written, tmp_path / "s")) == COMMITS
    assert fault_of(str(tmp_path)) == ""


def test_a_manifest_cut_anywhere_never_opens_with_a_hole(written: Path, tmp_path: Path) -> None:
    """LevelDB itself opens many of these, and deletes the tables it no longer knows."""
    (manifest,) = written.glob("MANIFEST-*")
    whole, refused, missing = manifest.read_bytes(), 0, 0
    for length in range(0, len(whole), 15):
        folder = copied(written, tmp_path / "s")
        (folder / manifest.name).write_bytes(whole[:length])
        missing += "log" in fault_of(str(folder))
        try:
            committed(folder)
        except StoreError as error:
            assert str(folder) in str(error)
            refused += 1
    assert refused > missing > 0


@pytest.mark.parametrize("lost", ["CURRENT", "*.log", "MANIFEST-*", "*.ldb"])
def test_a_lost_file_is_named_and_nothing_is_deleted(
    written: Path, tmp_path: Path, lost: str
) -> None:
    folder = copied(written, tmp_path / "s")
    for found in list(folder.glob(lost))[: None if lost == "*.log" else 1]:
        found.unlink()  # of logs all: there may be one that LevelDB was about to delete
    tables = set(folder.glob("*.ldb"))
    with pytest.raises(StoreError, match="bystackd check --repair"):
        committed(folder)
    assert set(folder.glob("*.ldb")) == tables


def test_rubbish_in_a_manifest_is_left_to_leveldb(written: Path, tmp_path: Path) -> None:
    rng = random.Random(2)
    for _ in range(30):
        folder = copied(written, tmp_path / "s")
        (manifest,) = folder.glob("MANIFEST-*")
        data = bytearray(manifest.read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        manifest.write_bytes(rng.choice((data, rng.randbytes(200), data + rng.randbytes(40))))
        fault_of(str(folder))
        try:
            assert committed(folder) == COMMITS
        except StoreError:
            continue


def test_reading_many_keys_from_a_damaged_table_is_an_error(written: Path, tmp_path: Path) -> None:
    """A coin that cannot be read must never pass for one that is not there."""
    folder = copied(written, tmp_path / "s")
    for table in folder.glob("*.ldb"):
        data = bytearray(table.read_bytes())
        for at in range(100_000, len(data) - 200_000, 5_000):  # its header and index stay readable
            data[at] ^= 0xFF
        table.write_bytes(data)
    wrong = 0
    with opened(folder) as store:
        for start in range(0, COMMITS * ROWS, 500):
            keys = [b"k%06d" % n for n in range(start, start + 20)]
            try:
                assert len(store.get_many(keys)) == len(keys)
            except StoreCorrupt:
                wrong += 1
    assert wrong
