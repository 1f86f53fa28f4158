"""The audit log on disk: one line per decision, before anything leaves; whole after every crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.federation.audit import BEGIN, LogDamaged, beginning, verified
from bystack.federation.policies.allowance import Spent
from bystack.federation.policies.judging import ALLOWED
from bystack.federation.policies.requests import Decision, Outcome
from bystack.node.signer.audit_log import (
    AuditDamaged,
    AuditLog,
    audit_path,
    open_audit,
    read_lines,
)
from bystack.node.signer.votes import JournalRefused
from bystack.node.store.journal import JournalCorrupt, JournalFull, JournalMissing
from bystack.primitives import keys
from tests.federation.policies.asked import BTC, asked, pays

SECRET, MAGIC, NOW = b"\x05" * 32, b"test", 1_700_000_000
ID = beginning(b"\x01" * 32, "trade")
WAITS = Decision(Outcome.WAIT, "approval_needed", "an operator looks at it first")
DENIED = Decision(Outcome.DENY, "frozen")


def opened(folder: Path, secret: bytes = SECRET, *, must_exist: bool = False) -> AuditLog:
    journal = open_audit(str(folder), "trade", MAGIC, must_exist=must_exist)
    try:
        return AuditLog(journal, secret, ID, lambda: NOW)
    except BaseException:
        journal.close()
        raise


def path(folder: Path) -> str:
    return audit_path(str(folder), "trade")


def lines(folder: Path) -> list[tuple[bytes, int, bytes]]:
    found = [line for line, _ in verified(read_lines(path(folder)), keys.public_key(SECRET))]
    return [(one.record.kind, one.record.outcome, one.record.reason) for one in found]


def test_each_decision_is_a_line_and_asking_again_is_none(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for decision in (WAITS, WAITS, DENIED, WAITS, ALLOWED, ALLOWED):
        log.note(asked(pays(5)), decision)
    log.note(asked(pays(5), digest=2), WAITS)
    assert [kind for kind, _, _ in lines(tmp_path)] == [BEGIN] + [b"order"] * 5
    assert log.head.records == 6
    assert [reason for _, _, reason in lines(tmp_path)][1:4] == [
        b"approval_needed", b"frozen", b"approval_needed",
    ]  # fmt: skip


def test_a_restart_knows_what_was_spent_said_and_asked(tmp_path: Path) -> None:
    """A bucket is not filled by a restart, nor by a clock, nor by the chain followed anew."""
    log = opened(tmp_path)
    request, other = asked(pays(5), pays(2)), asked(digest=2)
    log.note(request, ALLOWED)
    log.say(request, approved=True, reason="looked at")
    log.say(other, approved=False, reason="no")
    log.bind(b"\x09" * 32)
    log.close()
    again = opened(tmp_path)
    assert again.past == log.past and again.head == log.head
    assert again.past.spent.rows == [Spent(100, BTC, 7)]
    assert again.past.said == {request.digest: True, other.digest: False}
    assert again.height == 100 and again.policy == b"\x09" * 32
    again.note(request, ALLOWED)
    again.note(asked(pays(1), digest=3, height=5), ALLOWED)
    again.bind(b"\x09" * 32)
    assert again.head.records == log.head.records + 1
    assert again.past.spent.rows[-1].height == 100, "heights never go back"


def test_a_digest_is_charged_once(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for decision in (ALLOWED, WAITS, ALLOWED):
        log.note(asked(pays(5)), decision)
    assert log.past.spent.rows == [Spent(100, BTC, 5)]


def test_a_torn_line_is_dropped_and_the_log_goes_on(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.note(asked(pays(5)), ALLOWED)
    log.close()
    whole = Path(path(tmp_path)).read_bytes()
    for cut in (1, 40, 200):
        Path(path(tmp_path)).write_bytes(whole[:-cut])
        assert len(lines(tmp_path)) == 1, "who reads meanwhile sees no half line"
        again = opened(tmp_path)
        assert again.past.spent.rows == []
        again.note(asked(pays(6)), ALLOWED)
        again.close()
        assert len(lines(tmp_path)) == 2


def test_a_full_disk_signs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(tmp_path)

    def full(_: bytes) -> None:
        raise JournalFull(path(tmp_path), "no room", "make room")

    monkeypatch.setattr(log._journal, "append", full)
    before = log.head
    with pytest.raises(JournalRefused):
        log.note(asked(pays(5)), ALLOWED)
    assert log.head == before and log.past.spent.rows == []


def test_a_log_that_is_missing_or_of_another_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing):
        opened(tmp_path, must_exist=True)
    opened(tmp_path).close()
    with pytest.raises(AuditDamaged, match="signature"):
        opened(tmp_path, b"\x06" * 32)
    opened(tmp_path, must_exist=True).close()


def test_a_log_that_is_lost_for_good_is_begun_again_by_its_operators_hand(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.note(asked(pays(5)), ALLOWED)
    log.close()
    Path(path(tmp_path)).unlink()
    accepted = Path(f"{path(tmp_path)}.lost")
    with pytest.raises(JournalMissing, match=accepted.name):
        opened(tmp_path, must_exist=True)
    accepted.touch()
    again = opened(tmp_path, must_exist=True)
    assert again.head.records == 1 and not accepted.exists(), "once"
    again.close()
    Path(path(tmp_path)).unlink()
    with pytest.raises(JournalMissing):
        opened(tmp_path, must_exist=True)


def test_s07_a_changed_line_is_found_by_reader_and_signer(tmp_path: Path) -> None:
    """The file's own checksum is no hindrance to who changes it; the chain is."""
    log = opened(tmp_path)
    for number in range(1, 4):
        log.note(asked(pays(5), digest=number), ALLOWED)
    log.close()
    data = bytearray(Path(path(tmp_path)).read_bytes())
    data[len(data) // 2] ^= 1
    Path(path(tmp_path)).write_bytes(data)
    with pytest.raises(LogDamaged):
        read_lines(path(tmp_path))
    with pytest.raises(JournalCorrupt):
        opened(tmp_path)
