"""What logs said last counts; what was healed since is not told, and damage is passed over."""

from __future__ import annotations

from pathlib import Path

from bystack.client.doctor import looking, network
from bystack.client.doctor.findings import Level
from bystack.client.doctor.logs import (
    Trouble,
    last_error,
    last_words,
    not_served,
    not_voting,
    records,
)

SOCKET = "run/signer-validator-trade.sock"
REFUSED = {"event": "key not served", "socket": SOCKET, "rule": "JournalOld", "error": "old"}
SERVED = {"event": "key served", "socket": SOCKET}


def test_the_last_word_about_a_socket_counts() -> None:
    assert not_served([REFUSED], SOCKET) == Trouble("JournalOld", "old")
    assert not_served([REFUSED, SERVED], SOCKET) == Trouble()
    assert not_served([SERVED, REFUSED], SOCKET).rule == "JournalOld"
    assert not_served([REFUSED], "run/other.sock") == Trouble()


def test_the_last_word_about_voting_counts() -> None:
    ended = {"event": "this key votes no more", "rule": "KeyElsewhere", "reason": "elsewhere"}
    waits = {"event": "not voting yet: the chain must catch up", "reason": "journal 9"}
    votes = {"event": "voting where elected"}
    assert not_voting([votes, ended]) == Trouble("KeyElsewhere", "elsewhere")
    assert not_voting([waits]) == Trouble("ChainBehind", "journal 9")
    assert not_voting([waits, votes]) == Trouble()


def test_a_log_is_read_from_its_end_whatever_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    assert records(path) == []
    path.write_bytes(b'torn", "a": 1}\n\xff\xfe\n[1]\n{"event": "one", "level": "error"}\nplain\n')
    assert records(path) == [{"event": "one", "level": "error"}]
    assert last_error(records(path)) == "one"
    assert last_error([{"event": "died", "level": "error", "error": "x" * 900}]).startswith(
        "died: xxx"
    )
    assert last_error([{"event": "fine", "level": "info"}]) == ""


def test_a_process_that_could_not_even_begin_is_heard(tmp_path: Path) -> None:
    log = tmp_path / "mainchain.log"
    assert last_words(log) == ""
    log.write_text('{"event": "up"}\nTraceback\nImportError: no module named x\n\n')
    assert last_words(log) == "ImportError: no module named x"
    log.write_text(log.read_text() + '{"event": "up again"}\n')
    assert last_words(log) == ""


def test_a_node_that_is_down_says_what_ended_it(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    died = '{"level": "error", "event": "process failed", "error": "another network"}\n'
    (logs / "mainchain.log").write_text('{"level": "info", "event": "up"}\n' + died)
    (logs / "wallet.log").write_text(died + '{"level": "info", "event": "up"}\n')
    (one,) = looking.ended(tmp_path)
    assert (one.label, one.last_error) == ("mainchain", "process failed: another network")
    told = list(network.processes([one], "no node runs", "home"))
    assert [finding.level for finding in told] == [Level.FAULT] * 2
    assert told[1].says == "mainchain ended with: process failed: another network"
