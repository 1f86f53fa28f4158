"""What a confined process can still do; each case in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bystack.node.processes import sandbox

needs_landlock = pytest.mark.skipif(sandbox.landlock_abi() < 4, reason="no Landlock with TCP here")

PROBE = """
import os, socket, sys
from bystack.node.processes import sandbox
own, read, parent = sys.argv[1], sys.argv[2], int(sys.argv[3])
said = sandbox.confine([read], [own], tcp=TCP)
def attempt(name, action):
    try:
        action()
        print(name, "yes")
    except PermissionError:
        print(name, "no")
    except OSError as error:
        print(name, error.strerror)
print("confined" if said.startswith("confined") else said)
attempt("write own", lambda: open(own + "/x", "w"))
attempt("bind own", lambda: socket.socket(socket.AF_UNIX).bind(own + "/s"))
attempt("read given", lambda: open(read).read())
attempt("write given", lambda: open(read, "a"))
attempt("list home", lambda: os.listdir(os.path.dirname(own)))
attempt("write tmp", lambda: open("/tmp/bystack-probe", "w"))
attempt("read shadow", lambda: open("/root/.profile").read())
attempt("bind tcp", lambda: socket.socket().bind(("127.0.0.1", 0)))
attempt("signal parent", lambda: os.kill(parent, 0))
attempt("import", lambda: __import__("decimal"))
attempt("random", lambda: os.urandom(8))
"""


def probe(tmp_path: Path, tcp: bool) -> dict[str, str]:
    own, given = tmp_path / "own", tmp_path / "given"
    own.mkdir()
    given.write_text("x")
    done = subprocess.run(
        [sys.executable, "-c", PROBE.replace("TCP", str(tcp)), own, given, str(os.getpid())],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    first, *rest = done.stdout.splitlines()
    assert first == "confined"
    return {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in rest}


@needs_landlock
def test_confined_process_keeps_its_own_and_nothing_else(tmp_path: Path) -> None:
    found = probe(tmp_path, tcp=False)
    signals = "no" if sandbox.landlock_abi() >= 6 else "yes"
    assert found == {
        "write own": "yes",
        "bind own": "yes",
        "read given": "yes",
        "write given": "no",
        "list home": "no",
        "write tmp": "no",
        "read shadow": "no",
        "bind tcp": "no",
        "signal parent": signals,
        "import": "yes",
        "random": "yes",
    }


@needs_landlock
def test_process_with_peers_keeps_tcp(tmp_path: Path) -> None:
    assert probe(tmp_path, tcp=True)["bind tcp"] == "yes"


NAMES = """
import os, sys
from bystack.node.processes import sandbox
sandbox.RESOLVER, beside = sys.argv[1:]
print(sandbox.confine([], [], tcp=True).partition(" ")[0], flush=True)
sys.stdin.readline()
print(open(sandbox.RESOLVER).read())
try:
    open(beside)
except PermissionError:
    print("no more")
"""


@needs_landlock
def test_a_confined_process_can_look_names_up_where_the_resolvers_file_is_a_link(
    tmp_path: Path,
) -> None:
    """As systemd-resolved has it, which writes the file anew as networks come and go."""
    real, link = tmp_path / "run" / "resolve" / "resolved.conf", tmp_path / "resolv.conf"
    real.parent.mkdir(parents=True)
    real.write_text("nameserver 127.0.0.1")
    link.symlink_to(real)
    beside = real.parent.parent / "other"
    beside.write_text("not for it")
    child = subprocess.Popen(
        [sys.executable, "-c", NAMES, link, beside],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline() == "confined\n"
    real.with_suffix(".new").write_text("nameserver 127.0.0.53")
    real.with_suffix(".new").rename(real)
    said, _ = child.communicate("go\n", timeout=120)
    assert said == "nameserver 127.0.0.53\nno more\n"


def test_where_the_resolvers_file_lies_at_the_top_no_more_than_it_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "RESOLVER", "/resolv.conf")
    assert "/resolv.conf" in sandbox.interpreter_paths()
    assert "/" not in sandbox.interpreter_paths()


def test_kernel_without_landlock_is_told_not_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "landlock_abi", lambda: 0)
    assert sandbox.confine([], [], tcp=True).startswith("not confined")


def test_limits_hold_in_the_child() -> None:
    code = """
import os, resource, sys
sys.stdin.readline()
kinds = (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)
print([resource.getrlimit(k)[0] for k in kinds], os.nice(0))
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    before = os.nice(0)
    sandbox.apply_limits(child.pid, sandbox.Limits(2**30, 100, 5))
    out, _ = child.communicate(b"\n", timeout=120)
    assert out.decode().strip() == f"[{2**30}, 100, 0] {max(5, before)}"


def test_child_dies_with_its_parent() -> None:
    inner = "from bystack.node.processes.sandbox import die_with_parent as d; d(); print('up', flush=True); import time; time.sleep(60)"  # noqa: E501
    outer = (
        "import subprocess, sys, time;"
        f"p = subprocess.Popen([sys.executable, '-c', {inner!r}], stdout=subprocess.PIPE);"
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(pid, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    limit = time.monotonic() + 120
    while Path(f"/proc/{pid}").exists() and time.monotonic() < limit:
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            break
    else:
        assert not Path(f"/proc/{pid}").exists()
    parent.stdout.close()
