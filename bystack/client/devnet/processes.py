"""Starting, stopping and looking at the nodes' daemons."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from bystack.client.devnet.layout import Node
from bystack.client.rpc import PATIENCE, wait_for


class CommandFailed(Exception):
    """A command of the node failed; the message is what it said."""


def bystackd(*arguments: str, cwd: str | None = None) -> str:
    """Run a `bystackd` command to its end; its output."""
    command = [*daemon_command(), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    if done.returncode:
        raise CommandFailed(f"{' '.join(arguments[:3])}: {done.stderr.strip()}")
    return done.stdout


def daemon_command() -> list[str]:
    """The `bystackd` of this installation."""
    beside = os.path.join(os.path.dirname(sys.executable), "bystackd")
    found = beside if os.path.exists(beside) else shutil.which("bystackd")
    return [found] if found else [sys.executable, "-m", "bystack.node.main"]


def facts_of(node: Node) -> dict[str, Any]:
    """What the node's supervisor last wrote; empty if nothing readable is there."""
    try:
        path = Path(node.home) / "run" / "bystackd.json"
        facts = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return facts if isinstance(facts, dict) else {}


def alive(pid: int) -> bool:
    """True if a process has this pid and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


def running(node: Node) -> bool:
    """True if the node's supervisor lives."""
    facts = facts_of(node)
    return bool(facts.get("pid")) and alive(int(facts["pid"]))


def start(node: Node) -> None:
    """Start the node's daemon in a session of its own, its output going to a file."""
    if running(node):
        return
    (Path(node.home) / "run" / "bystackd.json").unlink(missing_ok=True)
    os.makedirs(Path(node.home) / "logs", mode=0o700, exist_ok=True)
    path = Path(node.home) / "logs" / "bystackd.out"
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as output:
        subprocess.Popen(
            [*daemon_command(), "run", "--home", node.home],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def wait_started(node: Node, seconds: float = PATIENCE) -> None:
    """Return once the daemon runs and says where its RPC is."""
    wait_for(f"{node.name} starts", lambda: running(node) and facts_of(node).get("url"), seconds)


def reload(node: Node) -> None:
    """Have the daemon read its configuration again (SIGHUP)."""
    os.kill(int(facts_of(node)["pid"]), signal.SIGHUP)


def stop(node: Node, seconds: float = 60.0) -> None:
    """Stop the daemon and its processes; SIGKILL only if it does not go."""
    pid = int(facts_of(node).get("pid") or 0)
    if not pid or not alive(pid):
        return
    os.kill(pid, signal.SIGTERM)
    try:
        wait_for(f"{node.name} stops", lambda: not alive(pid), seconds)
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
        _reap(pid)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
