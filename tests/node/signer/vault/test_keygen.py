"""What a signer says in a key ceremony is in its audit log before it leaves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bystack.federation.audit import AuditRecord, verified
from bystack.federation.identity import identity_public
from bystack.federation.members import Roster, Seat, seat
from bystack.federation.module.records import CHANGE, Change, Seated, Standing, entry_key
from bystack.federation.policies.requests import KEYGEN
from bystack.federation.rotation import ChangeTooLarge, TooManyDeparted
from bystack.federation.session import Kind, Session
from bystack.mainchain.params import REGTEST
from bystack.node.signer.audit_log import AuditLog, audit_path, open_audit, read_lines
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.vault.keygen import Keygen, NoChange
from bystack.node.signer.votes import JournalRefused
from bystack.node.store.journal import JournalError
from bystack.primitives import keys
from tests.federation.stage import SUPERS, dice, secret, session
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


class Told:
    """Entries of the sidechain's state, as they were proved."""

    def __init__(self, change: Change | None) -> None:
        self.knowledge, self.main, self.change = self, FIRST.chain, change

    def known(self, kind: type, entry: bytes) -> Change | None:
        assert (kind, entry) == (Change, entry_key(CHANGE))
        return self.change


def deciding(room: Room, roster: Roster, kind: Kind = Kind.RESHARE, epoch: int = 1) -> None:
    """The validators say that this was decided."""
    seats = tuple(Seated(one, b"\x01" * 32) for one in roster.members)
    standing = Standing(FIRST.federation, roster.threshold, seats)
    room._view = Told(Change(0, int(kind), epoch, standing, 0, 2016))  # type: ignore[assignment]


def set_of(*pairs: tuple[int, int], threshold: int) -> Roster:
    rows = [
        Seat(b"m%d" % n, identity_public(secret(n)), dice("node", n), weight, dice("pay", n))
        for n, weight in pairs
    ]
    return seat(threshold, rows)


def test_a_change_that_nobody_decided_is_no_ceremony(room: Room) -> None:
    finish(room)
    room.proved = epoch_of(room._ceremonies.certificate)
    room._view = Told(None)  # type: ignore[assignment]
    with pytest.raises(NoChange):
        room.change(0)


@pytest.mark.parametrize("kind", [Kind.RESHARE, Kind.FRESH])
def test_k12_more_than_a_third_is_refused_here_too(room: Room, kind: Kind) -> None:
    """All validators may lie: this signer deals no shares to a set of their making at once."""
    finish(room)
    room.proved = epoch_of(room._ceremonies.certificate)
    deciding(room, set_of((0, 2), (5, 2), (6, 1), (7, 1), (8, 1), threshold=5), kind)
    with pytest.raises(ChangeTooLarge):
        room.change(0)
    assert room.key_epoch()["ceremony"] == [0, 0, 0]
    deciding(room, set_of((0, 2), (1, 2), (2, 1), (3, 1), (5, 1), threshold=5), kind)
    assert room.change(0)


def test_k12_ex_members_of_what_was_certified_here_are_counted_here_too(room: Room) -> None:
    """A set that certified shares, and that the chain says nothing of any more."""
    finish(room)
    certificate = room._ceremonies.certificate
    assert certificate is not None
    room.proved = epoch_of(certificate)
    many = set_of((0, 2), (1, 2), (2, 1), (3, 1), (4, 1), (5, 2), threshold=5)
    ghost = replace(certificate, session=replace(certificate.session, epoch=1, roster=many))
    room._ceremonies.epochs.certificates[ghost.key_id] = ghost
    deciding(room, FIRST.roster, Kind.REFRESH, 2)
    with pytest.raises(TooManyDeparted):
        room.change(0)
    deciding(room, FIRST.roster, Kind.FRESH, 2)
    assert room.change(0)
