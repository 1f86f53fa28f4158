"""What a signer says in a key ceremony is in its audit log before it leaves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bystack.federation.audit import AuditRecord, verified
from bystack.federation.policies.requests import KEYGEN
from bystack.federation.session import Session
from bystack.mainchain.params import REGTEST
from bystack.node.signer.audit_log import AuditLog, audit_path, open_audit, read_lines
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.vault.keygen import Keygen
from bystack.node.signer.votes import JournalRefused
from bystack.node.store.journal import JournalError
from bystack.primitives import keys
from tests.federation.stage import SUPERS, secret, session
from tests.node.signer.homes import Others
from tests.node.signer.partners import epoch_of

FIRST, SECOND = (replace(session(SUPERS, 5, n), epoch=0) for n in (0, 1))
GOVERNANCE = b"\x05" * 32


class Room(Keygen):
    """Told its session, and what the sidechain has in force."""

    held = FIRST
    proved: Any = None

    def _session(self, attempt: int) -> Session:
        return self.held

    def _in_force(self) -> Any:
        return self.proved


class Seen:
    """A view whose main chain stands at a height."""

    height = 40

    @property
    def watch(self) -> Seen:
        return self

    tip = header = watch


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.chdir(tmp_path)
    for folder in ("keys", "data"):
        os.makedirs(folder)
    return opened()


def opened() -> Room:
    journal = open_audit("data", "trade", REGTEST.magic, must_exist=False)
    log = AuditLog(journal, GOVERNANCE, bytes(32), lambda: 1_000)
    return Room(Seen(), Ceremonies("trade", secret(0), "data", cheap=True), log)  # type: ignore[arg-type]


def logged() -> list[AuditRecord]:
    lines = read_lines(audit_path("data", "trade"))
    records = [line.record for line, _ in verified(lines, keys.public_key(GOVERNANCE))]
    return [record for record in records if record.kind == KEYGEN.encode()]


def reasons(held: Session = FIRST) -> list[str]:
    return [one.reason.decode() for one in logged() if one.digest == held.id]


def finish(room: Room) -> None:
    others = Others(FIRST)
    others.hear(room.begin(0))
    for _ in range(4):
        waiting, others.outbox = others.outbox, []
        for data in waiting:
            others.hear(room.hear(data))
        others.repeat()
        others.hear(room.retry())
    assert room.certificate() is not None


def test_each_step_of_a_ceremony_is_a_record(room: Room) -> None:
    room.begin(0)
    room.retry()
    assert reasons() == ["taking_part"]
    finish(room)
    assert reasons() == ["taking_part", "certified", "finished"]
    (first, *_) = logged()
    assert first.words == b"fresh, attempt 0: 5 by 5 members" and first.seq == 0
    room.retry()
    assert len(reasons()) == 3, "saying it again adds nothing"


def test_an_attempt_that_ends_is_told_from_the_next(room: Room) -> None:
    room.begin(0)
    room.give_up()
    room.held = SECOND
    room.begin(1)
    assert (reasons(), reasons(SECOND)) == (["taking_part", "ended"], ["taking_part"])


def test_nothing_leaves_that_is_not_in_the_log(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise JournalError("audit", "no space", "make room")

    with monkeypatch.context() as patch:
        patch.setattr("bystack.node.store.journal.Journal.append", full)
        with pytest.raises(JournalRefused):
            room.begin(0)
    assert reasons() == []
    assert room.retry() and reasons() == ["taking_part"]


def test_the_epoch_that_comes_into_force_is_a_record_once(room: Room) -> None:
    finish(room)
    (certificate,) = room._ceremonies.epochs.certificates.values()
    room.proved = epoch_of(certificate)
    for _ in range(3):
        assert room.follow() == []
    assert reasons()[-1] == "in_force" and reasons().count("in_force") == 1
    room._audit.close()
    again = opened()
    again.proved = room.proved
    assert again.follow() == [] and reasons().count("in_force") == 1
