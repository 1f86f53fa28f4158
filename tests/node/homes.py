"""A node in a temporary home: dummy roles under the real supervisor, as its own process."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

ROLES = Path(__file__).with_name("dummy_role.py")
NODE = Path(__file__).with_name("dummy_node.py")
DEADLINE = 180.0

CONFIG = """
network = "regtest"
[mainchain]
listen = "127.0.0.1:0"
[rpc]
listen = "127.0.0.1:0"
max_body_kb = 64
[rpc.tokens]
explorer = "read"
[[sidechain]]
name = "trade"
genesis = "sidechains/trade.genesis.toml"
"""


def until(condition: Callable[[], Any]) -> Any:
    """The first true answer of `condition`, asked again and again."""
    limit = time.monotonic() + DEADLINE
    while time.monotonic() < limit:
        if answer := condition():
            return answer
        time.sleep(0.01)
    raise AssertionError(f"never true: {condition}")


class Node:
    """A running `dummy_node`."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes]) -> None:
        self.home, self.process = home, process
        self.http = httpx.Client(timeout=180)

    def status(self) -> dict[str, Any]:
        try:
            status = msgspec.json.decode((self.home / "run/bystackd.json").read_bytes())
        except FileNotFoundError:
            return {}
        return status if status["pid"] == self.process.pid else {}

    def child(self, role: str) -> dict[str, Any]:
        found = [one for one in self.status().get("processes", []) if one["role"] == role]
        return found[0] if found else {"pid": 0, "state": ""}

    def running(self, role: str) -> int:
        """The pid of a role that has announced itself; waits for it."""
        return until(
            lambda: self.child(role)["pid"] if self.child(role)["state"] == "running" else 0
        )

    @property
    def url(self) -> str:
        return self.status()["url"].rstrip("/")

    @property
    def cookie(self) -> str:
        return (self.home / ".cookie").read_text()

    def post(self, body: Any, path: str = "/", **headers: str) -> httpx.Response:
        auth = "Basic " + base64.b64encode(self.cookie.encode()).decode()
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.http.post(
            self.url + path, content=content, headers={"Authorization": auth} | headers
        )

    def call(self, method: str, *params: Any, path: str = "/") -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self.post(request, path).json()
        assert "error" not in answer, answer
        return answer["result"]

    def answers(self, path: str = "/") -> bool:
        request = {"jsonrpc": "2.0", "id": 1, "method": "who"}
        return self.post(request, path).status_code == 200

    def log(self, label: str) -> str:
        path = self.home / "logs" / f"{label}.log"
        return path.read_text() if path.exists() else ""


@contextmanager
def node(home: Path, config: str = CONFIG, **environment: str) -> Iterator[Node]:
    """Start the node, wait for its status file, stop it by SIGTERM (exit code 0)."""
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "bystack.toml").write_text(config)
    env = {**os.environ, **environment}
    process = subprocess.Popen(
        [sys.executable, str(NODE), str(home)], env=env, stderr=(home / "stderr").open("ab")
    )
    running = Node(home, process)
    try:
        until(lambda: running.status() or process.poll() is not None)
        assert process.poll() is None, (home / "stderr").read_text()
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            running.http.close()


def gone(pid: int) -> bool:
    """No such process, or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
