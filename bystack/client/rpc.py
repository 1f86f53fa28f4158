"""JSON-RPC to a node of this machine, found through its home: address and cookie."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx
import msgspec

from bystack.client import patience

TIMEOUT = 60.0
GLANCE = 10.0
PAUSE = 0.1
PATIENCE = 180.0
"""Seconds: a network of forty processes on a busy machine takes its time."""
FIRST_BREATH = 3.0
MAX_BATCH = 200
# No method, bad parameters, wrong type: asking again will not help.
OUR_MISTAKES = (-32601, -32602, -3)
STALE = (401, 429)
"""The cookie is another one since a restart; said once too often, one is told to wait."""
AT_THE_DOOR = (*STALE, 503)
"""Refused before anything was done; 503: there is no room, or nobody to ask."""
NOWHERE = 404
KINDS = {kind: f"/{kind}/NAME" for kind in ("sidechain", "federation", "guard")}

T = TypeVar("T")


class NodeDown(Exception):
    """The node does not answer; the message says what to do."""


class Unsure(NodeDown):
    """The node was asked and left no answer: it may have done what it was asked for."""


class RpcFailed(Exception):
    """The node refused: `code`, `message`, and the rule's name where there is one."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        data = error.get("data") or {}
        self.code = int(error.get("code", -1))
        self.message = str(error.get("message", ""))
        self.rule = str(data.get("rule", "")) if isinstance(data, dict) else ""
        super().__init__(f"{method}: {self.message}")


class NotRun(RpcFailed):
    """The node runs no instance of this name; the message says which ones it runs."""


class Waited(Exception):
    """Something awaited did not happen in time."""


class NotReady(RpcFailed):
    """The process that answers this path is not up now."""


class Rpc:
    """One node's RPC; `path` is "/", "/sidechain/NAME", "/federation/NAME" or "/guard/NAME".

    `patience`: seconds to wait for a daemon that is just starting, as people at a shell do;
    `timeout`: seconds for an answer.
    """

    def __init__(self, home: Path, patience: float = 0, timeout: float = TIMEOUT) -> None:
        self.home, self._patience, self._timeout = home, patience, timeout
        self._client: httpx.Client | None = None

    def _connect(self) -> httpx.Client:
        try:
            facts = msgspec.json.decode((self.home / "run" / "bystackd.json").read_bytes())
            user, secret = (self.home / ".cookie").read_text().split(":", 1)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise NodeDown(f"no node runs in {self.home}: start it with bystackd run") from error
        return httpx.Client(base_url=facts["url"], auth=(user, secret), timeout=self._timeout)

    def call(self, method: str, *params: Any, path: str = "/", **named: Any) -> Any:
        """The result; raises `RpcFailed`, or `NodeDown` when nobody answers.

        Parameters go by position, and the others after them by name.

        Asked again is only what nobody heard: a payment is not to be made twice.
        """
        begun = time.monotonic()
        given = {"args": list(params), **named} if named else list(params)
        while True:
            try:
                return self._once(method, given, path)
            except Unsure:
                raise
            except (NodeDown, NotReady):
                waited = time.monotonic() - begun
                if waited > self._patience or (waited > FIRST_BREATH and not self._daemon()):
                    raise
                patience.at(f"the node in {self.home} is to start")
                time.sleep(PAUSE)

    def _daemon(self) -> bool:
        """True if a daemon holds the home's lock; looked up, since trying it could stop one."""
        try:
            inode = (self.home / ".lock").stat().st_ino
            return any(f":{inode} " in line for line in Path("/proc/locks").read_text().split("\n"))
        except OSError:
            return False

    def _once(self, method: str, params: list[Any] | dict[str, Any], path: str) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        patience.at(f"the answer to {method} of the node in {self.home}")
        try:
            if self._client is None:
                self._client = self._connect()
            reply = self._client.post(path, json=request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            self._client = None
            raise NodeDown(f"the node in {self.home} does not answer ({error})") from error
        except httpx.HTTPError as error:
            self._client = None
            text = f"{method}: the node in {self.home} gave no answer ({error})"
            raise Unsure(f"{text}, and may have done it: look before you ask again") from error
        return self._result(method, reply)

    def _result(self, method: str, reply: httpx.Response) -> Any:
        if reply.status_code in STALE:
            self._client = None
        try:
            body = reply.json()
        except ValueError:
            if reply.status_code == NOWHERE:
                raise self._not_run(method, reply.request.url.path) from None
            down = NodeDown if reply.status_code in AT_THE_DOOR else Unsure
            raise down(f"{method}: HTTP {reply.status_code} {reply.text[:200]}") from None
        if isinstance(body, dict) and body.get("error"):
            refused = NotReady if reply.status_code == 503 else RpcFailed
            raise refused(method, body["error"])
        return body["result"]

    def _not_run(self, method: str, path: str) -> NotRun:
        """Why nobody answers at a path such as `/sidechain/NAME`."""
        kind, name = _instance(path)
        if kind not in KINDS:
            text = f"nobody answers at {path}: a path is / or one of {', '.join(KINDS.values())}"
            return NotRun(method, {"code": NOWHERE, "message": text})
        try:
            rows = msgspec.json.decode((self.home / "run" / "bystackd.json").read_bytes())
            names = [row["name"] for row in rows["processes"] if row["role"] == kind]
        except (OSError, msgspec.DecodeError, KeyError, TypeError):
            names = []
        runs = f"it runs {', '.join(sorted(names))}" if names else "it runs none"
        text = f"this node runs no {kind} {name}; {runs}"
        return NotRun(method, {"code": NOWHERE, "message": text})

    def batch(self, method: str, rows: Sequence[Sequence[Any]], path: str = "/") -> list[Any]:
        """One method for many parameter lists, in few requests; the results in order.

        Raises as `call`, for the first that failed.
        """
        results: list[Any] = []
        for start in range(0, len(rows), MAX_BATCH):
            part = rows[start : start + MAX_BATCH]
            results += self._batch(method, part, path)
        return results

    def _batch(self, method: str, rows: Sequence[Sequence[Any]], path: str) -> list[Any]:
        requests = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(row)}
            for number, row in enumerate(rows)
        ]
        self.call("help", path=path)  # connects, and waits where it must
        assert self._client is not None
        try:
            replies = self._client.post(path, json=requests).json()
        except (httpx.HTTPError, ValueError) as error:
            raise NodeDown(f"the node in {self.home} does not answer ({error})") from error
        if not isinstance(replies, list):
            raise RpcFailed(method, replies.get("error") or {"message": "no batch was answered"})
        for reply in replies:
            if reply.get("error"):
                raise RpcFailed(method, reply["error"])
        return [reply["result"] for reply in sorted(replies, key=lambda reply: reply["id"])]

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)
        return partial(self.call, method)

    def unready(self) -> tuple[str, ...]:
        """Why the daemon says it should not be asked now, a sentence each (`/ready`).

        Raises `NodeDown`. No process of its stands between, as with a method.
        """
        with self._connect() as client:
            try:
                lines = client.get("/ready").text.splitlines()
            except httpx.HTTPError as error:
                raise NodeDown(f"the node in {self.home} does not answer ({error})") from error
        return tuple(lines[1:])

    def side(self, chain: str, method: str, *params: Any, **named: Any) -> Any:
        """A call on a sidechain's path."""
        return self.call(method, *params, path=f"/sidechain/{chain}", **named)

    def federation(self, name: str, method: str, *params: Any) -> Any:
        """A call on a federation member's path."""
        return self.call(method, *params, path=f"/federation/{name}")

    def guard(self, name: str, method: str, *params: Any) -> Any:
        """A call on a guard's path."""
        return self.call(method, *params, path=f"/guard/{name}")


def _instance(path: str) -> tuple[str, str]:
    """The kind and name of the instance in a path, wherever a wallet's `/wallet/NAME` stands."""
    parts = [unquote(one) for one in path.strip("/").split("/")]
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    return next((pair for pair in pairs if pair[0] != "wallet"), ("", ""))


class Glance(Rpc):
    """For looking, where a process that hangs is a finding and nothing to wait for: a path that
    once left a question unanswered is asked no more."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, timeout=GLANCE)
        self._silent: dict[str, Unsure] = {}

    def call(self, method: str, *params: Any, path: str = "/", **named: Any) -> Any:
        """As `Rpc.call`; `NodeDown` at once for a path that was silent before."""
        if path in self._silent:
            raise self._silent[path]
        try:
            return super().call(method, *params, path=path, **named)
        except Unsure:
            text = f"{path} did not answer {method} within {GLANCE:.0f} s: its process may hang"
            self._silent[path] = Unsure(text)
            raise self._silent[path] from None


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """The first true answer of `probe`; asks again while it is falsy or the node refuses.

    Raises `Waited` with the last refusal.
    """
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            found = probe()
            if found:
                return found
        except (RpcFailed, NodeDown, OSError) as error:
            if isinstance(error, RpcFailed) and error.code in OUR_MISTAKES:
                raise
            last = error
        time.sleep(PAUSE)
    raise Waited(f"{what}: not within {seconds:.0f} s" + (f" ({last})" if last else ""))
