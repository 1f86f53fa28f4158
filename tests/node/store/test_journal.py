"""The journal: what append returned is there after any crash; damage is named."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bystack.node.store import journal as j
from bystack.node.store.journal import Journal
from bystack.primitives import framing
from bystack.primitives.errors import Misuse


def opened(path: Path, **other: object) -> Journal:
    facts: dict[str, object] = {"kind": "votes", "magic": b"test"} | other
    return Journal.open(path, **facts)  # type: ignore[arg-type]


def test_records_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "votes.log"
    with opened(path) as log:
        assert log.last is None
        for number in range(5):
            log.append(b"vote %d" % number)
        assert log.last == b"vote 4"
    with opened(path, must_exist=True) as log:
        assert list(log.records()) == [b"vote %d" % n for n in range(5)]
        assert (len(log), log.torn) == (5, 0)
    assert path.stat().st_mode & 0o777 == 0o600


def test_missing_journal_is_named_when_one_must_be(tmp_path: Path) -> None:
    with pytest.raises(j.JournalMissing, match="abstain"):
        opened(tmp_path / "votes.log", must_exist=True)
    assert not (tmp_path / "votes.log").exists()


def test_second_holder_is_locked_out(tmp_path: Path) -> None:
    with opened(tmp_path / "v"), pytest.raises(j.JournalLocked):
        opened(tmp_path / "v")
    opened(tmp_path / "v").close()


@pytest.mark.parametrize("facts", [{"kind": "shares"}, {"magic": b"main"}])
def test_journal_of_another_sort_is_refused(tmp_path: Path, facts: dict[str, object]) -> None:
    opened(tmp_path / "v").close()
    with pytest.raises(j.JournalKind):
        opened(tmp_path / "v", **facts)


@pytest.mark.parametrize("size", [0, framing.MAX_PAYLOAD + 1])
def test_payload_sizes_are_bounded(tmp_path: Path, size: int) -> None:
    with opened(tmp_path / "v") as log:
        with pytest.raises(Misuse):
            log.append(bytes(size))
        log.append(b"still usable")


def test_a_failing_disk_closes_the_journal_to_further_appends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(handle: int) -> None:
        raise OSError(5, "Input/output error")

    with opened(tmp_path / "v") as log:
        log.append(b"one")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", failing)
            with pytest.raises(j.JournalBroken, match="Input/output"):
                log.append(b"two")
        with pytest.raises(j.JournalBroken):
            log.append(b"three")
        assert list(log.records()) == [b"one"]


ROOM = """
import resource, signal, sys
from bystack.node.store.journal import Journal, JournalFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
with Journal.open(sys.argv[1], kind="votes", magic=b"test") as log:
    log.append(b"one")
    size = len(open(sys.argv[1], "rb").read())
    for room in range(int(sys.argv[2])):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, hard))
        try:
            log.append(b"refused")
        except JournalFull as error:
            print("refused", room, list(log.records()) == [b"one"], "make room" in str(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.append(b"two")
    print("then", list(log.records()))
"""


def test_a_full_disk_refuses_and_room_heals(tmp_path: Path) -> None:
    """Whatever part of the record found room, nothing is kept of it."""
    whole = len(framing.record(b"refused"))
    done = subprocess.run(
        [sys.executable, "-c", ROOM, str(tmp_path / "v"), str(whole)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=180,
        check=True,
    )
    *refused, then = done.stdout.splitlines()
    assert refused == [f"refused {room} True True" for room in range(whole)]
    assert then == "then [b'one', b'two']"
    with opened(tmp_path / "v", must_exist=True) as log:
        assert (list(log.records()), log.torn) == ([b"one", b"two"], 0)


def test_a_full_disk_and_a_crash_leave_the_records_before(tmp_path: Path) -> None:
    path = tmp_path / "v"
    with opened(path) as log:
        log.append(b"one")
    for cut in range(1, len(framing.record(b"two"))):
        with path.open("ab") as file:
            file.write(framing.record(b"two")[:cut])
        with opened(path) as log:
            assert (list(log.records()), log.torn) == ([b"one"], cut)


def test_a_shortened_journal_holds_the_first_and_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "v"
    with opened(path) as log:
        for number in range(10):
            log.append(b"vote %d" % number)
        before = log.size
        log.shorten(9)
        assert (len(log), log.size) == (10, before)  # nothing to leave out
        log.shorten(3)
        kept = [b"vote 0", b"vote 7", b"vote 8", b"vote 9"]
        assert list(log.records()) == kept and log.size < before
        log.append(b"vote 10")
        with pytest.raises(j.JournalLocked):
            opened(path)
    with opened(path, must_exist=True) as log:
        assert list(log.records()) == [*kept, b"vote 10"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_journal_replaced_while_it_is_opened_is_not_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process shortens it and lets go, between our open and our lock: votes written into
    the file that has no name any more would be forgotten.
    """
    path, lock = tmp_path / "v", fcntl.flock
    opened(path).close()

    def late(handle: int, how: int) -> None:
        os.replace(shutil.copy(path, tmp_path / "shorter"), path)
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(j.JournalLocked, match="replaced"):
        opened(path)
    monkeypatch.undo()
    opened(path).close()


def test_where_there_is_no_room_the_old_journal_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with opened(tmp_path / "v") as log:
        for number in range(10):
            log.append(b"vote %d" % number)
        with monkeypatch.context() as patch:
            patch.setattr(j.files, "replace", full)
            with pytest.raises(OSError, match="No space"):
                log.shorten(3)
        log.append(b"vote 10")
        assert len(log) == 11


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_flipped_bit_before_the_last_record_is_named(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v"
        with opened(path) as log:
            for number in range(4):
                log.append(b"payload %d" % number)
        raw = bytearray(path.read_bytes())
        last = len(raw) - framing.PREFIX - len(b"payload 3")
        at = data.draw(st.integers(0, last - 1))
        raw[at] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(raw)
        with pytest.raises(j.JournalCorrupt):
            opened(path)
        assert path.read_bytes() == raw


def test_room_grown_but_not_written_is_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "v"
    with opened(path) as log:
        log.append(b"one")
    with path.open("ab") as file:
        file.write(bytes(50))
    with opened(path) as log:
        assert (list(log.records()), log.torn) == ([b"one"], 50)
        log.append(b"two")
    with opened(path) as log:
        assert (list(log.records()), log.torn) == ([b"one", b"two"], 0)


def test_empty_file_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "v").touch()
    with pytest.raises(j.JournalCorrupt):
        opened(tmp_path / "v")


class Crashes(RuleBasedStateMachine):
    """Appends, clean reopenings and crashes at any byte, against a list."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "v"
        self.model: list[bytes] = []
        self.log = opened(self.path)

    @rule(payload=st.binary(min_size=1, max_size=60))
    def append(self, payload: bytes) -> None:
        self.log.append(payload)
        self.model.append(payload)

    @rule()
    def reopen(self) -> None:
        self.log.close()
        self.log = opened(self.path, must_exist=True)
        assert self.log.torn == 0

    @rule(payload=st.binary(min_size=1, max_size=60), data=st.data())
    def crash_while_appending(self, payload: bytes, data: st.DataObject) -> None:
        whole = framing.record(payload)
        cut = data.draw(st.integers(0, len(whole)))
        self.log.close()
        with self.path.open("ab") as file:
            file.write(whole[:cut])
        self.log = opened(self.path, must_exist=True)
        if cut == len(whole):
            self.model.append(payload)
        assert self.log.torn == (cut if cut < len(whole) else 0)

    @precondition(lambda self: self.model)
    @rule(payload=st.binary(min_size=1, max_size=30), data=st.data())
    def last_record_half_written(self, payload: bytes, data: st.DataObject) -> None:
        whole = bytearray(framing.record(payload))
        start = data.draw(st.integers(0, len(whole) - 1))
        blank = bytes(len(whole) - start)
        if whole[start:] == blank:
            return
        whole[start:] = blank
        self.log.close()
        with self.path.open("ab") as file:
            file.write(whole)
        self.log = opened(self.path, must_exist=True)
        assert self.log.torn == len(whole)

    @invariant()
    def agrees(self) -> None:
        assert list(self.log.records()) == self.model
        assert self.log.last == (self.model[-1] if self.model else None)

    def teardown(self) -> None:
        self.log.close()
        shutil.rmtree(self.folder)


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)

CHILD = """
import sys
from bystack.node.store.journal import Journal
with Journal.open(sys.argv[1], kind="votes", magic=b"test") as log:
    for number in range(5):
        log.append(b"vote %d" % number)
        print(number, flush=True)
"""


@pytest.mark.parametrize(
    ("point", "kept"),
    [
        ("journal.before_write:3", 2),
        ("journal.inside_write:3", 2),
        ("journal.before_sync:3", 3),
        ("journal.after_sync:3", 3),
    ],
)
def test_kill_inside_append_loses_nothing_that_left(tmp_path: Path, point: str, kept: int) -> None:
    mark = tmp_path / "mark"
    env = {
        "BYSTACK_TESTING": "1",
        "BYSTACK_FAILPOINT": point,
        "BYSTACK_FAILPOINT_MARK": str(mark),
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "v")],
        env=env,
        stdout=subprocess.PIPE,
        timeout=180,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert mark.exists()
    released = len(done.stdout.split())
    with opened(tmp_path / "v", must_exist=True) as log:
        assert len(log) == kept >= released == 2
