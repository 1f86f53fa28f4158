"""Key generation at rest and running: one file per session, so that none is dealt twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from bystack.federation.messages import Signed, decode_message
from bystack.federation.session import Session
from bystack.node.signer.ceremonies import Ceremonies, KeyExists
from bystack.node.signer.epochs import NoCeremony, ShareMissing
from tests.federation.stage import SUPERS, secret, session
from tests.node.signer.homes import Others

FIRST, SECOND = (replace(session(SUPERS, 5, n), epoch=0) for n in (0, 1))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.makedirs("keys")
    os.makedirs("data")


def opened() -> Ceremonies:
    return Ceremonies("trade", secret(0), "data", cheap=True)


def said(outputs: list) -> set[tuple[bytes, int, bytes]]:
    """Session, round and digest of each message."""
    messages = [decode_message(output[-1]) for output in outputs if output[0] != "aborted"]
    return {(m.session, m.body.ROUND, m.digest) for m in messages if isinstance(m, Signed)}


def carry(own: Ceremonies, others: Others, outputs: list, rounds: int = 4) -> None:
    others.hear(outputs)
    for _ in range(rounds):
        waiting, others.outbox = others.outbox, []
        for data in waiting:
            others.hear(own.hear(data))
        others.repeat()
        others.hear(own.retry())


def finish(own: Ceremonies, held: Session = FIRST) -> Others:
    others = Others(held)
    carry(own, others, own.begin(held))
    assert own.certificate is not None
    return others


def test_a_key_is_made_and_found_again() -> None:
    own = opened()
    finish(own)
    again = opened()
    assert again.certificate == own.certificate
    assert [s.index for s in again.shares()] == [1, 2] and again.shares() == own.shares()
    assert again.attempt is None
    with pytest.raises(KeyExists):
        again.begin(SECOND)


def test_no_session_is_dealt_twice_in_whatever_order_attempts_are_made() -> None:
    own = opened()
    first = said(own.begin(FIRST))
    second = said(own.begin(SECOND))
    assert first != second
    assert said(own.begin(FIRST)) == first and own.attempt == 0
    assert said(opened().begin(SECOND)) == second
    assert said(opened().begin(FIRST)) == first


def test_the_newest_goes_on_by_itself() -> None:
    own, others = opened(), Others(FIRST)
    carry(own, others, own.begin(FIRST), rounds=1)
    known = said(own.retry())
    after = opened()
    assert after.attempt == 0 and said(after.retry()) == known
    carry(after, others, after.retry())
    assert after.certificate is not None
    assert {d.certificate.key for d in others.done.values()} == {after.certificate.key}


def test_whoever_is_late_gets_the_certificate_also_after_a_restart() -> None:
    own = opened()
    others = finish(own)
    others.outbox.clear()
    others.repeat()
    straggler = Others(FIRST).outbox[0]
    after = opened()
    (answer,) = after.retry()
    assert answer[0] == "broadcast" and decode_message(answer[1]) == own.certificate
    (answer,) = after.hear(straggler)
    assert answer[:2] == ["send", 1] and decode_message(answer[2]) == own.certificate


def test_the_certificate_is_written_after_a_crash_before_it() -> None:
    own = opened()
    finish(own)
    os.unlink("data/certificate-trade-epoch-0.bin")
    after = opened()
    assert after.certificate == own.certificate and after.shares() == own.shares()


def test_a_refusing_disk_leaves_nothing_said_that_is_not_durable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = opened()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "no space")

    with monkeypatch.context() as patch:
        patch.setattr("bystack.node.store.files.write_all", full)
        with pytest.raises(OSError, match="no space"):
            own.begin(FIRST)
    with pytest.raises(NoCeremony):
        own.retry()
    finish(own)


def test_before_it_begins_there_is_nothing_to_do() -> None:
    own = opened()
    for ask in (own.retry, lambda: own.hear(b"\x90"), own.shares):
        with pytest.raises(NoCeremony):
            ask()
    assert own.give_up() == [] and own.attempt is None


def test_giving_up_names_the_silent() -> None:
    own = opened()
    own.begin(FIRST)
    outputs = own.give_up()
    assert outputs[-1] == ["aborted", [], [1, 2, 3, 4], 0] and own.attempt is None


def test_a_lost_share_is_named() -> None:
    own = opened()
    finish(own)
    os.unlink("keys/trade-epoch-0-share-2.key")
    with pytest.raises(ShareMissing) as refused:
        own.shares()
    assert refused.value.index == 2


def test_files_are_private() -> None:
    finish(opened())
    files = [*Path("keys").iterdir(), *Path("data").iterdir()]
    assert len(files) == 4
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
