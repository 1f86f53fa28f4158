"""What the doctor sees of a real machine: addresses, modes, sockets, charters, logs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from bystack.client.doctor import looking
from bystack.client.doctor.gathering import facts
from bystack.client.rpc import Rpc
from bystack.node.config import load_config
from bystack.node.ipc import PING
from bystack.node.ipc.messages import Result, Splitter, frame, parse, to_server

TABLE = """network = "regtest"
[mainchain]
listen = "127.0.0.1:{port}"
[rpc]
listen = "127.0.0.1:0"
[[sidechain]]
name = "trade"
genesis = "sidechains/trade.genesis.toml"
validator_key = "keys/trade.key"
[[federation]]
name = "trade"
member_key = "keys/member.key"
charter = "federations/trade.charter.toml"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "bystack.toml").write_text(TABLE.format(port=9735))
    for folder in ("run", "logs", "keys", "federations"):
        (tmp_path / folder).mkdir(mode=0o700)
    (tmp_path / "keys" / "trade.key").touch(mode=0o600)
    tmp_path.chmod(0o700)
    return tmp_path


def test_a_process_that_a_signal_holds_still_is_seen(tmp_path: Path) -> None:
    row: dict[str, object] = {"role": "mainchain", "name": "", "state": "running", "restarts": 0}
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child:
        rows = [{**row, "exit": "", "pid": child.pid}, {**row, "exit": "", "pid": None}]
        assert [one.paused for one in looking.processes(tmp_path, rows)] == [0, 0]
        child.send_signal(signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)
        assert [one.paused for one in looking.processes(tmp_path, rows)] == [child.pid, 0]
        child.kill()


def test_a_taken_port_is_seen_and_an_own_one_is_not(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        (home / "bystack.toml").write_text(TABLE.format(port=address.rpartition(":")[2]))
        config = load_config(home)
        (main,) = looking.listeners(home, config, up=False)
        assert (main.table, main.address, main.own, main.busy) == ("[mainchain]", address, False, 1)
        assert main.holder.startswith(f"pid {os.getpid()} (")
        (home / "run" / "mainchain.json").write_bytes(msgspec.json.encode({"listen": address}))
        (own,) = looking.listeners(home, config, up=True)
        assert own.own and not own.busy
        named = address.replace("127.0.0.1", "localhost")
        table = TABLE.format(port=address.rpartition(":")[2]).replace(address, named)
        (home / "bystack.toml").write_text(table)
        (own,) = looking.listeners(home, load_config(home), up=True)
        assert own.address == named and own.own and not own.busy
        (home / "run" / "mainchain.json").write_bytes(
            msgspec.json.encode({"listen": "127.0.0.2:1"})
        )
        (other_ones,) = looking.listeners(home, load_config(home), up=True)
        assert other_ones.busy and not other_ones.own
    (free,) = looking.listeners(home, config, up=False)
    assert not free.busy and not free.holder


def test_modes_and_room_are_seen(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    (home / "data" / "block").write_bytes(bytes(5_000))
    seen = looking.machine(home, load_config(home))
    assert seen.open_to_others == () and seen.grown == 5_000 and seen.free > 0
    (home / "keys" / "trade.key").chmod(0o640)
    assert looking.machine(home, None).open_to_others == (str(home / "keys" / "trade.key"),)


def test_a_signer_that_answers_is_seen_and_its_last_word_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "run/signer-validator-trade.sock"
    refused = {"event": "key not served", "socket": path, "rule": "JournalMissing", "error": "none"}
    (home / "logs" / "signer.log").write_bytes(msgspec.json.encode(refused) + b"\n")
    config = load_config(home)
    validator, member = looking.signing(home, config)
    assert (validator.answers, validator.rule, validator.trouble) == (
        False,
        "JournalMissing",
        "none",
    )
    assert (member.whose, member.answers, member.rule) == ("member of trade", False, "")
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as signer:
        os.chdir(home)  # paths of sockets are short
        try:
            signer.bind(path)
        finally:
            os.chdir(here)
        signer.listen()
        monkeypatch.setattr(looking, "PATIENCE", 0.05)
        hung = next(looking.signing(home, config))
        assert hung.hangs and not hung.answers  # the kernel took the call, nobody answered
        signer.accept()[0].close()
        with ThreadPoolExecutor() as pool:
            monkeypatch.setattr(looking, "PATIENCE", 60.0)
            answered = pool.submit(_answer_a_ping, signer)
            served = next(looking.signing(home, config))
            assert served.answers and not served.hangs
            answered.result()
    gone = next(looking.signing(home, config))
    assert not gone.answers and not gone.hangs


def _answer_a_ping(signer: socket.socket) -> None:
    line, _ = signer.accept()
    with line:
        (body,) = Splitter().feed(line.recv(4096))
        call = parse(to_server, body)
        assert (call.method, call.params) == (PING, [])
        line.sendall(frame(Result(call.id, None)))


def test_a_charter_is_hashed_or_the_fault_is_told(home: Path) -> None:
    lost = looking.charter(home, "member of trade", "federations/none.toml", "aa", "aa")
    assert lost.file == "" and "No such file" in lost.trouble
    (home / "federations" / "trade.charter.toml").write_text("nonsense = 1\n")
    bad = looking.charter(home, "member of trade", "federations/trade.charter.toml", "", "")
    assert bad.file == "" and bad.trouble


def test_a_node_that_is_down_is_looked_over_all_the_same(home: Path) -> None:
    seen = facts(home, Rpc(home))
    assert "no node runs" in seen.down and seen.chains == () and seen.config["network"] == "regtest"
    assert set(seen.keys.files) == {"trade.key"} and seen.keys.when == 0
    assert [one.whose for one in seen.signing] == ["validator of trade", "member of trade"]
    (home / "bystack.toml").write_text("network = 5\nthreads = 1\n")
    broken = facts(home, Rpc(home))
    assert len(broken.config_errors) == 2 and broken.chains == ()
