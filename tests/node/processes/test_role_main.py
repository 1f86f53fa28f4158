"""The frame of a role: how it begins, ends, and says what went wrong."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from bystack.node.announce import announce, announced, label_of, socket_of
from bystack.node.config import parse_config
from bystack.node.processes.role_main import readable, writable

ROLE = """
import sys
import trio
from bystack.node.store.journal import Journal
from bystack.node.processes.role_main import run_role
from bystack.primitives.codec import Wire

async def main(context):
    context.announce(listen="127.0.0.1:5")
    match context.name:
        case "bug":
            raise ZeroDivisionError("why")
        case "named":
            Journal.open("data/none", kind="votes", magic=b"test", must_exist=True)
        case "done":
            return
    try:
        await trio.sleep_forever()
    finally:
        print("tidied up", file=sys.stderr, flush=True)

if "odd" in sys.argv:
    class Odd(Wire):
        x: "Nowhere"

run_role("wallet", main)
"""


def start(home: Path, name: str, config: str = 'network = "regtest"\n') -> subprocess.Popen[str]:
    (home / "bystack.toml").write_text(config)
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", ROLE, "--home", str(home), "--name", name]
    process = subprocess.Popen(
        [*command, "--lifeline", str(theirs.fileno())],
        pass_fds=(theirs.fileno(),),
        stderr=subprocess.PIPE,
        text=True,
    )
    theirs.close()
    process.lifeline = ours  # type: ignore[attr-defined]
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    stderr: IO[str] | None = process.stderr
    assert stderr is not None
    said = stderr.read()
    stderr.close()
    process.lifeline.close()  # type: ignore[attr-defined]
    return process.wait(120), said


def heard(process: subprocess.Popen[str], flags: int = 0) -> bytes:
    """The byte that says a process is ready."""
    received: bytes = process.lifeline.recv(1, flags)  # type: ignore[attr-defined]
    return received


@pytest.mark.parametrize(
    ("name", "code", "said", "traceback"),
    [
        ("done", 0, "sandbox", False),
        ("bug", 1, "ZeroDivisionError: why", True),
        ("named", 1, "restore it, or abstain to the next epoch", False),
    ],
)
def test_ends_with_its_code_and_reason(
    tmp_path: Path, name: str, code: int, said: str, traceback: bool
) -> None:
    found, log = ended(start(tmp_path, name))
    assert found == code
    assert said in log
    assert ("Traceback" in log) == traceback


def test_faulty_configuration_is_code_two(tmp_path: Path) -> None:
    code, log = ended(start(tmp_path, "x", "netwrok = 1"))
    assert code == 2
    assert "did you mean network" in log


@pytest.mark.parametrize("flags", [0, socket.MSG_PEEK], ids=["read", "unread"])
def test_cut_lifeline_ends_it_tidily(tmp_path: Path, flags: int) -> None:
    process = start(tmp_path, "x")
    assert heard(process, flags) == b"R"
    assert announced(tmp_path, "wallet", "x")["listen"] == "127.0.0.1:5"
    process.lifeline.close()  # type: ignore[attr-defined]
    code, log = ended(process)
    assert code == 0
    assert "the supervisor is gone" in log
    assert "tidied up" in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_tidily(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, "x")
    assert heard(process) == b"R"
    process.send_signal(signal.SIGHUP)
    process.send_signal(number)
    code, log = ended(process)
    assert code == 0
    assert "tidied up" in log


def test_announcement_is_whole_private_and_replaced(tmp_path: Path) -> None:
    announce("sidechain", "trade", home=tmp_path, node="ab")
    announce("sidechain", "trade", home=tmp_path, state="syncing")
    path = tmp_path / "run" / "sidechain-trade.json"
    assert path.stat().st_mode & 0o777 == 0o600
    found = announced(tmp_path, "sidechain", "trade")
    assert (found["state"], "node" in found) == ("syncing", False)
    path.write_bytes(b"[1")
    assert announced(tmp_path, "sidechain", "trade") == {}
    assert announced(tmp_path, "guard") == {}
    assert [label_of("guard"), socket_of("guard", "x")] == ["guard", "run/guard-x.sock"]


def test_rights_follow_the_role() -> None:
    config = parse_config(
        'network = "regtest"\n[[sidechain]]\nname = "a"\ngenesis = "a.toml"\n'
        '[[sidechain]]\nname = "b"\ngenesis = "b.toml"\nvalidator_key = "keys/b"\n'
        '[[federation]]\nname = "a"\nmember_key = "keys/m"\ncharter = "c.toml"\n'
    )
    assert "a.toml" in readable(config, "sidechain", "a")
    assert "b.toml" not in readable(config, "sidechain", "a")
    assert "keys/m" in readable(config, "federation", "a")
    assert "keys/password" in readable(config, "federation", "a")  # the member's key may be sealed
    assert "keys" not in readable(config, "federation", "a")
    assert "keys/m" not in readable(config, "sidechain", "a")
    assert "keys" in writable("signer", "")
    assert all("keys" not in writable(role, "a") for role in ("sidechain", "federation", "wallet"))


def test_all_types_are_looked_at_before_there_are_threads(tmp_path: Path) -> None:
    """Two threads that met a type first together would end the process without a word."""
    code, said = ended(start(tmp_path, "odd"))
    assert code == 1 and "name 'Nowhere' is not defined" in said and "tidied up" not in said
