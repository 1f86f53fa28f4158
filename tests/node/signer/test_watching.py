"""What a signer verified of the main chain outlives its process, and nobody else writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.federation.watch import Watch
from bystack.node.signer import watching
from bystack.node.signer.watching import EVERY, WatchFile
from bystack.node.store import files
from tests.federation.peg import LATE, Peg

SECRET = b"\x05" * 32


@pytest.fixture
def peg() -> Peg:
    peg = Peg()
    peg.main.grow(EVERY)
    above = peg.main.entries[peg.watch.tip.header.height + 1 :]
    peg.watch.headers([entry.header for entry in above], LATE)
    return peg


def opened(folder: Path, peg: Peg, secret: bytes = SECRET) -> tuple[WatchFile, Watch]:
    file, watch = WatchFile(str(folder / "watch.bin"), secret), Watch(peg.genesis)
    file.resume(watch)
    return file, watch


def test_a_restart_goes_on_where_it_was(tmp_path: Path, peg: Peg) -> None:
    file, _ = opened(tmp_path, peg)
    file.follow(peg.watch)
    assert opened(tmp_path, peg)[1].tip.id == peg.watch.tip.id


def test_the_file_is_written_now_and_then_only(
    tmp_path: Path, peg: Peg, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(watching.files, "replace", lambda _, data: written.append(len(data)))
    file, _ = opened(tmp_path, peg)
    for _ in range(3):
        file.follow(peg.watch)
    assert len(written) == 1
    peg.main.grow(EVERY - 1)
    above = peg.main.entries[peg.watch.tip.header.height + 1 :]
    peg.watch.headers([entry.header for entry in above], LATE)
    file.follow(peg.watch)
    assert len(written) == 1


def test_a_file_that_this_key_did_not_write_counts_for_nothing(tmp_path: Path, peg: Peg) -> None:
    """Whoever could write one would have a seq taken for spent, and paid twice."""
    file, _ = opened(tmp_path, peg)
    file.follow(peg.watch)
    path, begun = tmp_path / "watch.bin", peg.genesis.checkpoint.id
    whole = path.read_bytes()
    assert opened(tmp_path, peg, b"\x06" * 32)[1].tip.id == begun
    for bad in (b"", whole[:20], whole[:-1], whole[:40] + b"\x00" + whole[41:], whole + b"\x00"):
        path.write_bytes(bad)
        assert opened(tmp_path, peg)[1].tip.id == begun
    path.write_bytes(whole)
    assert opened(tmp_path, peg)[1].tip.id == peg.watch.tip.id


def test_a_full_disk_stops_nothing(
    tmp_path: Path, peg: Peg, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file, _ = opened(tmp_path, peg)
    with monkeypatch.context() as patched:
        patched.setattr(files, "replace", full)
        file.follow(peg.watch)
    file.follow(peg.watch)
    assert opened(tmp_path, peg)[1].tip.id == peg.watch.tip.id
