"""Real `bystackd` processes on loopback: each with a home of its own, asked over its RPC."""

from __future__ import annotations

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

DEADLINE = 180.0
PAUSE = 0.02

CONFIG = """
network = "regtest"
[mainchain]
listen = "127.0.0.1:0"
[rpc]
listen = "127.0.0.1:0"
[limits]
hang_seconds = 900
"""


class Refused(Exception):
    """The node answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = int(error["code"])
        self.rule = str((error.get("data") or {}).get("rule", ""))


def until(condition: Callable[[], Any], what: str = "") -> Any:
    """The first true answer of a condition; a node that does not answer yet counts as no."""
    limit = time.monotonic() + DEADLINE
    last: object = None
    while time.monotonic() < limit:
        try:
            if answer := condition():
                return answer
        except (OSError, httpx.HTTPError, Refused, KeyError, msgspec.DecodeError) as error:
            last = error
        time.sleep(PAUSE)
    raise AssertionError(f"never true: {what or condition} ({last})")


class Daemon:
    """A `bystackd` on a home."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(timeout=180)

    def start(self) -> None:
        """Run, and wait until every role answers."""
        argv = [sys.executable, "-m", "bystack.node.main", "run", "--home", str(self.home)]
        with (self.home / "stderr").open("ab") as errors:
            environment = {**os.environ, **self.environment}
            self.process = subprocess.Popen(argv, env=environment, stderr=errors)
        until(self.ready, "the node is ready")

    def stop(self) -> None:
        """End in order."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.home / "stderr").read_text()
        return self._http.get(f"{self.url}ready").status_code == 200

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode((self.home / "run/bystackd.json").read_bytes())
        return found

    @property
    def url(self) -> str:
        return str(self.status["url"])

    def announced(self, label: str) -> dict[str, Any]:
        path = self.home / "run" / f"{label}.json"
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        return found

    @property
    def peer_address(self) -> str:
        return str(self.announced("mainchain")["listen"])

    def pid(self, role: str) -> int:
        """The pid of a running role."""
        found = {one["role"]: one for one in self.status["processes"]}[role]
        return int(found["pid"]) if found["state"] == "running" else 0

    def kill(self, role: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a role's process; its pid."""
        pid = int(until(lambda: self.pid(role)))
        os.kill(pid, number)
        return pid

    def call(self, method: str, *params: Any, path: str = "/", **named: Any) -> Any:
        """The result of an RPC call; raises `Refused`."""
        user, secret = (self.home / ".cookie").read_text().split(":", 1)
        given = {"args": list(params), **named} if named else list(params)
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": given}
        url = self.url.rstrip("/") + path
        answer = self._http.post(url, json=request, auth=(user, secret)).json()
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def wallet_of(self, **asked: str) -> str:
        """Make the default wallet; one of its addresses."""
        self.call("createwallet", "default", *asked.values())
        return str(self.call("getnewaddress"))

    def join(self, other: Daemon) -> None:
        """Connect to another node and wait for it."""
        self.call("addnode", other.peer_address, "add")
        until(lambda: self.call("getconnectioncount") and other.call("getconnectioncount"))

    def log(self, label: str) -> str:
        path = self.home / "logs" / f"{label}.log"
        return path.read_text() if path.exists() else ""


@contextmanager
def daemons(folder: Path, count: int, config: str = CONFIG, **env: str) -> Iterator[list[Daemon]]:
    """Nodes on homes below `folder`, started; ended and killed if need be."""
    nodes = []
    for number in range(count):
        home = folder / f"n{number}"
        home.mkdir(mode=0o700)
        (home / "bystack.toml").write_text(config)
        nodes.append(Daemon(home, **env))
    with started(nodes):
        yield nodes


@contextmanager
def started(nodes: list[Daemon]) -> Iterator[None]:
    """These nodes, running; ended and killed if need be."""
    try:
        for node in nodes:
            node.start()
        yield
    finally:
        for node in nodes:
            if node.process is not None and node.process.poll() is None:
                node.process.terminate()
        for node in nodes:
            if node.process is not None:
                _end(node.process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
