"""The doctor finds each fault, explains it, and finds none in a node that has none."""

from __future__ import annotations

from typing import Any

import pytest

from bystack.client.doctor.consulting import consult
from bystack.client.doctor.facts import Charter, Clock, Keys, Listener, Process, Signing
from bystack.client.doctor.findings import Level
from tests.client.doctor.patients import (
    CHARTER,
    GIB,
    HEALTHY,
    MAIN,
    NOW,
    TRADE,
    VALIDATOR,
    spoilt,
    wrong,
)

MEMBER = Signing("member of trade", "run/signer-federation-trade.sock", True)
FAULT, CARE = Level.FAULT, Level.CARE


def test_a_healthy_node_has_nothing_wrong() -> None:
    found = consult(HEALTHY)
    assert wrong(found) == [] and len({one.subject for one in found}) >= 12


def test_a_block_mined_a_little_ahead_says_nothing_of_the_clock() -> None:
    """A block's time on the main chain is its miner's word, ahead by seconds after `generate`."""
    ahead = HEALTHY._replace(chains=(MAIN._replace(time=int(NOW) + 500), TRADE))
    assert wrong(consult(ahead)) == []


SPOILT: dict[str, tuple[dict[str, Any], str, Level, str]] = {
    "the clock is behind a block": (
        {"chains": (MAIN, TRADE._replace(time=int(NOW) + 30))},
        *("clock", FAULT, "the last block of trade is dated 30 s ahead of it: this clock is beh"),
    ),
    "the clock is far behind the main chain's": (
        {"chains": (MAIN._replace(time=int(NOW) + 700), TRADE)},
        *("clock", FAULT, "the last block of main is dated 700 s ahead of it: this clock is beh"),
    ),
    "the clock is ahead of blocks made meanwhile": (
        {"chains": (MAIN, TRADE._replace(time=int(NOW) - 600))},
        *("clock", FAULT, "trade just made a block and dated it 600 s ago: this clock is ahead"),
    ),
    "the clock is off a time server's": (
        {"clock": Clock(NOW, True, -7.25, "time.test")},
        *("clock", FAULT, "it is 7.2 s behind time.test"),
    ),
    "nobody sets the clock": (
        {"clock": Clock(NOW, False)},
        *("clock", CARE, "no service sets this machine's clock"),
    ),
    "the disk is nearly full": (
        {"machine": HEALTHY.machine._replace(free=GIB // 2)},
        *("disk", FAULT, "0.5 GiB of 100 free: journals that cannot be written"),
    ),
    "the disk gets full": (
        {"machine": HEALTHY.machine._replace(free=4 * GIB)},
        *("disk", CARE, "4.0 GiB of 100 free"),
    ),
    "too few files": (
        {"machine": HEALTHY.machine._replace(files=1024)},
        *("limits", FAULT, "a process may open 1024 files, [limits] files wants 2048"),
    ),
    "a key open to others": (
        {"machine": HEALTHY.machine._replace(open_to_others=("keys/a.key",))},
        *("files", FAULT, "keys/a.key is open to others"),
    ),
    "a port is taken": (
        {"listeners": (Listener("[mainchain]", "127.0.0.1:9735", False, True),)},
        *("ports", FAULT, "127.0.0.1:9735 of [mainchain] is taken"),
    ),
    "the configuration is wrong": (
        {"config_errors": ("bystack.toml: threads: an integer",)},
        *("configuration", FAULT, "bystack.toml: threads: an integer"),
    ),
    "the configuration was changed": (
        {"changed": True},
        *("configuration", CARE, "bystack.toml was changed after the daemon read it"),
    ),
    "the daemon is down": (
        {"down": "no node runs", "processes": (), "chains": ()},
        *("daemon", FAULT, "no node runs"),
    ),
    "a process failed": (
        {"processes": (Process("mainchain", "failed", 10, "code 1", "disk error"),)},
        *("processes", FAULT, "mainchain is failed: disk error"),
    ),
    "a process is tried again": (
        {"processes": (Process("mainchain", "backoff", 3, "code 1", "Address already in use"),)},
        *("processes", FAULT, "mainchain is backoff: Address already in use"),
    ),
    "a process was restarted": (
        {"processes": (Process("mainchain", "running", 2, "signal SIGKILL"),)},
        *("processes", CARE, "mainchain was started again 2 times; last end: signal SIGKILL"),
    ),
    "no peers of those listed": (
        {"chains": (MAIN._replace(peers=0), TRADE)},
        *("main chain", FAULT, "none of the 2 peers it is told of is connected"),
    ),
    "no peers at all": (
        {"chains": (MAIN._replace(peers=0, listed=0), TRADE)},
        *("main chain", CARE, "no peers, and the configuration names none"),
    ),
    "a chain is away": (
        {"chains": (MAIN, TRADE._replace(error="it is starting"))},
        *("sidechain trade", FAULT, "it is starting"),
    ),
    "another network than configured": (
        {"chains": (MAIN._replace(network="test"), TRADE._replace(mainchain="test"))},
        *("main chain", FAULT, "wrong network: it runs test, bystack.toml says regtest"),
    ),
    "a sidechain of another network": (
        {"chains": (MAIN, TRADE._replace(mainchain="test"))},
        *("sidechain trade", FAULT, "wrong network: its vault lies on test, this node runs"),
    ),
    "only strangers come": (
        {"chains": (MAIN._replace(peers=0, refused={"WrongChain": 4}), TRADE)},
        *("main chain", FAULT, "wrong network: 4 nodes were refused, which follow another chain"),
    ),
    "the daemon is older than the program": (
        {"installed": "1.1"},
        *("version", CARE, "the daemon runs 1.0, installed is 1.1"),
    ),
    "the chain asks for a newer program": (
        {"chains": (MAIN, TRADE._replace(warnings="version 2 begins at height 9"))},
        *("version", FAULT, "trade: version 2 begins at height 9"),
    ),
    "everybody speaks another version": (
        {"chains": (MAIN._replace(peers=0, refused={"WrongVersion": 5}), TRADE)},
        *("version", FAULT, "main: 5 nodes were refused, which speak another version"),
    ),
    "keys never backed up": (
        {"keys": Keys({"a.key": "11"}, {})},
        *("key backup", CARE, "none of 1 key files is known saved"),
    ),
    "a key made after the backup": (
        {"keys": Keys({"a.key": "11", "b.key": "12"}, {"a.key": "11"}, 1)},
        *("key backup", FAULT, "stale: 1 file was made or changed after it (b.key)"),
    ),
    "a key changed after the backup": (
        {"keys": Keys({"a.key": "13"}, {"a.key": "11"}, 1)},
        *("key backup", FAULT, "stale: 1 file was made or changed after it (a.key)"),
    ),
    "a wallet never backed up": (
        {"keys": HEALTHY.keys._replace(wallets_backed_up={})},
        *("wallet backup", CARE, "wallet default: no backup was made from here"),
    ),
    "a wallet changed after its backup": (
        {"keys": HEALTHY.keys._replace(wallets={"default": "23"})},
        *("wallet backup", FAULT, "wallet default: stale"),
    ),
    "the signer is away": (
        {"signing": (VALIDATOR._replace(answers=False, trouble="no password"),)},
        *("signer", FAULT, "unreachable for validator of trade (run/signer-validator-trade.sock)"),
    ),
    "the signer hangs": (
        {"signing": (VALIDATOR._replace(answers=False, hangs=True),)},
        *("signer", FAULT, "it holds run/signer-validator-trade.sock and answers nothing for val"),
    ),
    "the signer is away for two keys": (
        {"signing": tuple(one._replace(answers=False) for one in (VALIDATOR, MEMBER))},
        "signer",
        FAULT,
        f"unreachable for {VALIDATOR.whose} ({VALIDATOR.socket}), {MEMBER.whose} ({MEMBER.socket})",
    ),
    "a process is held still": (
        {
            "processes": (Process("mainchain", "running", 0, "", paused=77),),
            "unready": ("mainchain shows no sign of life for 15 s",),
        },
        *("processes", FAULT, "mainchain stands still: a signal (SIGSTOP)"),
    ),
    "a process hangs": (
        {"unready": ("mainchain shows no sign of life for 15 s",)},
        *("ready", FAULT, "mainchain shows no sign of life for 15 s"),
    ),
    "a chain is far behind": (
        {"unready": ("mainchain is far behind its chain",)},
        *("ready", CARE, "mainchain is far behind its chain"),
    ),
    "this program is too old for a chain": (
        {
            "chains": (MAIN, TRADE._replace(warnings="the chain is at version 2")),
            "unready": ("sidechain-trade is far behind its chain",),
        },
        *("ready", CARE, "sidechain-trade is far behind its chain"),
    ),
    "the journal is older than the chain": (
        {"signing": (VALIDATOR._replace(rule="JournalOld", trouble="older than the chain"),)},
        *("vote journal", FAULT, "validator of trade does not vote: older than the chain"),
    ),
    "the journal was lost": (
        {"signing": (VALIDATOR._replace(answers=False, rule="JournalMissing", trouble="none"),)},
        *("vote journal", FAULT, "validator of trade does not vote: none"),
    ),
    "a member's journal was lost": (
        {"signing": (MEMBER._replace(answers=False, rule="JournalMissing", trouble="none"),)},
        *("signer journal", FAULT, "member of trade does not sign: none"),
    ),
    "the chain is behind the journal": (
        {"signing": (VALIDATOR._replace(rule="ChainBehind", trouble="journal 9, chain 4"),)},
        *("vote journal", CARE, "validator of trade waits: journal 9, chain 4"),
    ),
    "another charter than the vault's": (
        {"charters": (CHARTER._replace(file="bb", running="bb"),)},
        *("charter", FAULT, "member of trade: federations/trade.charter.toml hashes to bb…, the v"),
    ),
    "a charter changed under the process": (
        {"charters": (CHARTER._replace(file="bb", agreed=""),)},
        *("charter", FAULT, "member of trade: federations/trade.charter.toml hashes to bb…, the p"),
    ),
    "a charter is lost": (
        {"charters": (Charter("guard of trade", "c.toml", "", "No such file"),)},
        *("charter", FAULT, "guard of trade: c.toml: No such file"),
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_fault_is_found_and_explained(name: str) -> None:
    changes, subject, level, says = SPOILT[name]
    told = wrong(consult(spoilt(**changes)))
    assert [(one[0], one[1]) for one in told if one[2].startswith(says)] == [(subject, level)]
    subjects = {one[0] for one in told}
    assert subject in subjects and len(subjects) <= 2  # what it brings along, and nothing else


def test_what_only_looks_like_a_fault_is_none() -> None:
    calm = (
        {"clock": Clock(NOW, False, 0.4, "time.test")},
        {"chains": (MAIN._replace(time=int(NOW) - 9_000), TRADE)},  # hours between blocks
        {"chains": (MAIN, TRADE._replace(time=int(NOW) - 600, before=41))},  # it stands still
        {"chains": (MAIN, TRADE._replace(time=int(NOW) - 600, syncing=True))},
        {"chains": (MAIN._replace(refused={"WrongChain": 4}), TRADE)},  # scanners come to all
        {"listeners": (Listener("[rpc]", "127.0.0.1:9736", True, True),)},
        {"charters": (CHARTER._replace(running="", agreed=""),)},
        {"signing": (Signing("member of trade", "s", True),)},
    )
    for changes in calm:
        assert wrong(consult(spoilt(**changes))) == []


def test_a_vote_journal_alone_may_be_given_up_and_signed_after() -> None:
    """A member's shares are for no height: what they signed once they might sign against again."""
    lost = (VALIDATOR, MEMBER)
    changed = tuple(one._replace(answers=False, rule="JournalMissing") for one in lost)
    cures = {one.subject: one.cure for one in consult(spoilt(signing=changed)) if one.cure}
    assert "accept-lost-journal" in cures["vote journal"]
    assert "accept-lost-journal" not in cures["signer journal"]


def test_a_chain_too_new_for_the_program_does_not_catch_up_by_itself() -> None:
    aged = TRADE._replace(warnings="the chain is at version 2")
    unready = tuple(
        f"{label} is far behind its chain" for label in ("mainchain", "sidechain-trade")
    )
    cures = [
        one.cure
        for one in consult(spoilt(chains=(MAIN, aged), unready=unready))
        if one.subject == "ready"
    ]
    assert [cure.startswith("it ends by itself") for cure in cures] == [True, False]


def test_what_another_judge_says_is_not_told_twice() -> None:
    given_up = ("mainchain was given up: code 1", "100 MiB of disk are free, 128 are needed")
    failed = (Process("mainchain", "failed", 10, "code 1", "disk error"),)
    found = consult(spoilt(unready=given_up, processes=failed))
    assert [one.subject for one in found if one.level is not Level.GOOD] == ["processes"]


def test_of_a_signer_that_is_away_there_is_one_finding_and_of_a_stopped_process_no_praise() -> None:
    away = tuple(one._replace(answers=False) for one in (VALIDATOR, MEMBER))
    still = (Process("signer", "running", 0, "", paused=77),)
    found = consult(spoilt(signing=away, processes=still, unready=("signer is mute",)))
    told = [one for one in found if one.level is not Level.GOOD]
    assert [one.subject for one in told] == ["processes", "signer"]
    assert "kill -CONT 77" in told[0].cure
    assert not any(one.says.endswith(" run") for one in found)


def test_a_signer_is_not_missed_while_the_node_is_down() -> None:
    away = (VALIDATOR._replace(answers=False),)
    told = wrong(consult(spoilt(down="no node runs", chains=(), processes=(), signing=away)))
    assert [one[0] for one in told] == ["daemon"]
