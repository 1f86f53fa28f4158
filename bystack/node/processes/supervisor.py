"""The parent of a node's processes: starts, watches and stops them, and serves RPC for them all.

One task per child, one per connection to it, one that writes `run/bystackd.json` on every change.
A child that fails costs its own path a 503; the others go on.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from bystack.node.announce import RUN, socket_of
from bystack.node.config import FILE, IN_FORCE, Config, ConfigErrors, Log
from bystack.node.ipc import Reconnecting, RemoteError, Unavailable
from bystack.node.processes import metrics
from bystack.node.processes.child import Child, Restarts
from bystack.node.processes.logs import RotatingFile
from bystack.node.processes.plan import RoleSpec, clean_environment
from bystack.node.store import files
from bystack.node.web import access
from bystack.node.web.app import Door
from bystack.node.web.server import serve

LOCK = ".lock"
LOGS = "logs"
STATUS = f"{RUN}/bystackd.json"
MIB = 1024 * 1024
METRICS_SECONDS = 2.0

Planned = Callable[[], tuple[RoleSpec, ...]]

log = structlog.get_logger("supervisor")


class HomeLocked(Exception):
    """Another bystackd runs on this home."""


def lock_home(home: str) -> int:
    """Hold `home` for this process, as long as the returned handle is open.

    Raises `HomeLocked` when another process holds it.
    """
    os.makedirs(home, mode=0o700, exist_ok=True)
    handle = os.open(os.path.join(home, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        text = f"{home}: another bystackd runs on this home; stop it, or use another home"
        raise HomeLocked(text) from None
    return handle


def _prepare(config: Config) -> Door:
    """Make the folders, forget what a killed predecessor announced, make the credentials."""
    for folder in (RUN, LOGS, IN_FORCE):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    for stale in Path(RUN).glob("*.json"):
        stale.unlink()
    tokens = access.load_tokens(".", config.rpc.tokens)
    keep_in_force()
    return Door(config.rpc, (access.make_cookie("."), *tokens))


def keep_in_force() -> None:
    """Lay what was read where confined children can read it. Not in `run/`, which they write."""
    try:
        files.replace(f"{IN_FORCE}/{FILE}", Path(FILE).read_bytes(), durable=False)
    except FileNotFoundError:
        return


class _Watched:
    """A child, the connection to it, and the scope that ends both."""

    def __init__(self, child: Child, client: Reconnecting) -> None:
        self.child = child
        self.client = client
        self.scope = trio.CancelScope()
        self.gone = trio.Event()

    async def run(self) -> None:
        """Keep the child and the connection to it until the scope is cancelled."""
        try:
            with self.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.client.run)
                    nursery.start_soon(self.child.run)
        finally:
            self.gone.set()


class Supervisor:
    """The processes of one home. The working directory must be the home (short socket paths)."""

    def __init__(
        self,
        specs: tuple[RoleSpec, ...],
        config: Config,
        *,
        replan: Planned | None = None,
        restarts: Restarts = Restarts(),  # noqa: B008 (an immutable value)
    ) -> None:
        self._specs = specs
        self._config = config
        self._replan = replan
        self._restarts = restarts
        self._watched: dict[str, _Watched] = {}
        self._address = ""
        self._dirty = trio.Event()

    def client(self, label: str) -> Reconnecting | None:
        """The connection to the process `label`; None when no such process is configured."""
        watched = self._watched.get(label)
        return watched.client if watched else None

    def ready(self) -> bool:
        """Every process has announced itself, runs and answers.

        The signer answers on its keys' sockets alone, to those whom they are for.
        """
        watched = self._watched.values()
        silent = {one for one in watched if one.child.spec.role == "signer"}
        answering = all(one.client.connected for one in watched if one not in silent)
        return answering and all(one.child.state == "running" for one in watched)

    def paths(self) -> tuple[str, ...]:
        """The RPC paths of the configured processes; the root always."""
        found = (one.child.spec.path for one in self._watched.values())
        return ("", *(path for path in found if path))

    async def metrics(self) -> bytes:
        """Every process's figures; one that does not answer at once is shown without its own."""
        readings: list[metrics.Reading] = []

        async def ask(watched: _Watched) -> None:
            figures: Any = {}
            try:
                figures = await watched.client.call("metrics", timeout=METRICS_SECONDS)
            except (Unavailable, RemoteError):
                figures = {}
            child = watched.child
            figures = figures if isinstance(figures, dict) else {}
            up = child.state in ("running", "starting")
            reading = metrics.Reading(child.spec.role, child.spec.name, up, child.restarts, figures)
            readings.append(reading)

        async with trio.open_nursery() as nursery:
            for watched in self._watched.values():
                nursery.start_soon(ask, watched)
        return metrics.exposition(sorted(readings, key=lambda one: (one.role, one.name)))

    def status(self) -> dict[str, Any]:
        """What `run/bystackd.json` says."""
        processes = [
            {
                "role": one.child.spec.role,
                "name": one.child.spec.name,
                "pid": one.child.pid,
                "state": one.child.state,
                "restarts": one.child.restarts,
                "exit": one.child.exit,
            }
            for one in self._watched.values()
        ]
        network, pid = self._config.network, os.getpid()
        scheme = "https" if self._config.rpc.tls_certificate else "http"
        rpc = {"rpc": self._address, "url": f"{scheme}://{self._address}/" if self._address else ""}
        return {"pid": pid, "network": network, **rpc, "state": "running", "processes": processes}

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the node until SIGTERM, SIGINT or cancellation; `started` with the RPC address."""
        door = _prepare(self._config)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._obey, nursery)
                self._address = await nursery.start(serve, self, door)
                self._arrange(self._specs, nursery)
                self._publish()
                task_status.started(self._address)
                nursery.start_soon(self._keep_published)
        finally:
            for leftover in (STATUS, access.COOKIE):
                files.remove(leftover)

    def _arrange(self, specs: tuple[RoleSpec, ...], nursery: trio.Nursery) -> None:
        """Start what is new or changed; what is no longer wanted must be gone already."""
        for spec in specs:
            if spec.label not in self._watched:
                watched = self._watch(spec)
                self._watched[spec.label] = watched
                nursery.start_soon(watched.run)

    def _watch(self, spec: RoleSpec) -> _Watched:
        settings: Log = self._config.log
        output = RotatingFile(f"{LOGS}/{spec.label}.log", settings.max_mb * MIB, settings.keep)
        environment = clean_environment(os.environ)
        client = Reconnecting(socket_of(spec.role, spec.name))

        def changed() -> None:
            client.dial_now()
            self._mark()

        child = Child(spec, os.getcwd(), environment, output, changed, self._restarts)
        return _Watched(child, client)

    async def _obey(
        self,
        nursery: trio.Nursery,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        wanted = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        with trio.open_signal_receiver(*wanted) as signals:
            task_status.started()
            async for number in signals:
                log.info("signal", signal=signal.Signals(number).name)
                if number == signal.SIGHUP:
                    await self.reload(nursery)
                else:
                    nursery.cancel_scope.cancel()

    async def reload(self, nursery: trio.Nursery) -> None:
        """Read the plan anew: stop what was removed or changed, start what is new.

        A faulty configuration changes nothing.
        """
        try:
            specs = self._replan() if self._replan else self._specs
        except ConfigErrors as error:
            log.error("configuration refused, nothing changed", error=str(error))
            return
        keep_in_force()
        wanted = {spec.label: spec for spec in specs}
        leaving = [
            (label, one)
            for label, one in self._watched.items()
            if wanted.get(label) != one.child.spec or one.child.state == "failed"
        ]
        for _, one in leaving:
            one.scope.cancel()
        for label, one in leaving:
            await one.gone.wait()
            del self._watched[label]
            files.remove(f"{RUN}/{label}.json")
        self._arrange(specs, nursery)
        self._mark()

    def _mark(self) -> None:
        self._dirty.set()

    def _publish(self) -> None:
        files.replace(STATUS, msgspec.json.encode(self.status()) + b"\n", durable=False)

    async def _keep_published(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty = trio.Event()
            self._publish()
