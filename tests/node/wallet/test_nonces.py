"""A nonce signs once: over restarts, kills, copies and restored backups."""

import os
import shutil
from pathlib import Path

import pytest

from bystack.node.store.storage import Store
from bystack.node.wallet.nonces import (
    NONCE,
    NonceElsewhere,
    NonceRecord,
    Nonces,
    NonceUnknown,
    NonceUsed,
)
from tests.wire import check_wire

MAGIC = b"test"


def opened(folder: Path) -> tuple[Store, Nonces]:
    folder.mkdir(exist_ok=True)
    store = Store.open(str(folder / "store"), kind="wallet", magic=MAGIC, version=1)
    return store, Nonces(store, str(folder))


def public(entropy: bytes) -> bytes:
    """Stands for the making of a nonce."""
    return entropy + entropy + b"\x00\x00"


def test_nonce_record_on_the_wire() -> None:
    check_wire("node_wallet_nonce_record", NonceRecord(b"\x01" * 32, 70_000, 2**60))


def test_a_nonce_gives_its_entropy_once(tmp_path: Path) -> None:
    store, nonces = opened(tmp_path / "a")
    one, two = nonces.fresh(public), nonces.fresh(public)
    assert one != two
    assert public(nonces.take(one)) == one
    with pytest.raises(NonceUsed):
        nonces.take(one)
    assert public(nonces.take(two)) == two
    with pytest.raises(NonceUnknown):
        nonces.take(b"\x05" * 66)
    store.close()


def test_it_is_kept_before_it_is_told_and_used_up_before_it_signs(tmp_path: Path) -> None:
    """Whatever dies after `fresh` or `take` has returned: the disk knows already."""
    store, nonces = opened(tmp_path / "a")
    nonce = nonces.fresh(public)
    _copy_of_disk(tmp_path, "told")
    entropy = nonces.take(nonce)
    _copy_of_disk(tmp_path, "taken")
    assert entropy not in (store.get(NONCE + nonce) or b"")
    store.close()
    told, _ = opened(tmp_path / "told")
    assert entropy in (told.get(NONCE + nonce) or b"")
    told.close()
    taken, killed = opened(tmp_path / "taken")
    with pytest.raises(NonceUsed):
        killed.take(nonce)
    taken.close()


def _copy_of_disk(tmp_path: Path, name: str) -> None:
    """What a kill at this moment leaves behind."""
    shutil.copytree(tmp_path / "a", tmp_path / name, ignore=shutil.ignore_patterns("LOCK"))


def test_a_restart_may_go_on_with_it(tmp_path: Path) -> None:
    store, nonces = opened(tmp_path / "a")
    nonce = nonces.fresh(public)
    store.close()
    store, nonces = opened(tmp_path / "a")
    assert public(nonces.take(nonce)) == nonce
    store.close()


@pytest.mark.parametrize("how", ["copied", "moved back", "file gone", "written over"])
def test_a_copy_may_not(how: str, tmp_path: Path) -> None:
    store, nonces = opened(tmp_path / "a")
    nonce = nonces.fresh(public)
    store.close()
    where = tmp_path / "a"
    match how:
        case "copied":
            where = tmp_path / "b"
            shutil.copytree(tmp_path / "a", where)
        case "moved back":
            shutil.copytree(tmp_path / "a", tmp_path / "b")
            shutil.rmtree(where)
            os.rename(tmp_path / "b", where)
        case "file gone":
            (where / "nonces.seat").unlink()
        case _:  # as a backup that is unpacked over it: the same inode, changed since
            _touched(where / "nonces.seat")
    store, nonces = opened(where)
    with pytest.raises(NonceElsewhere):
        nonces.take(nonce)
    fresh = nonces.fresh(public)  # the copy goes on with nonces of its own
    assert public(nonces.take(fresh)) == fresh
    store.close()


def _touched(path: Path) -> None:
    """Write a file in place until its time of change tells (kernels count it in steps)."""
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_bytes(path.read_bytes())
    assert path.stat().st_ino == before.st_ino
