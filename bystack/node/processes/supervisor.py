"""The parent of a node's processes: starts, watches and stops them, and serves RPC for them all.

One task per child, one per connection to it, one that writes `run/bystackd.json` on every change.
A child that fails costs its own path a 503; the others go on.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from bystack.node.announce import RUN, socket_of
from bystack.node.config import FILE, IN_FORCE, Config, ConfigErrors, Log, Rpc, Scope, load_config
from bystack.node.config.changing import FIXED, RESTART, changes, taken_over
from bystack.node.ipc import Reconnecting
from bystack.node.metrics.exposition import exposition
from bystack.node.processes import logs, measuring, standing
from bystack.node.processes.child import Child, Restarts
from bystack.node.processes.garbage import collect_at_times
from bystack.node.processes.logs import RotatingFile
from bystack.node.processes.notifying import Notifier
from bystack.node.processes.plan import RoleSpec, clean_environment
from bystack.node.store import files
from bystack.node.web import access
from bystack.node.web.admitting import Door
from bystack.node.web.sealing import tls_context
from bystack.node.web.server import serve

LOCK = ".lock"
LOGS = "logs"
TABLES = ("sidechains", "federations")
"""Where commands lay tables and genesis files; a home that nobody made by `init` has them too."""
STATUS = f"{RUN}/bystackd.json"
MIB = 1024 * 1024

Planned = Callable[[Config], tuple[RoleSpec, ...]]

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
    for folder in (RUN, LOGS, IN_FORCE, *TABLES):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    for stale in Path(RUN).glob("*.json"):
        stale.unlink()
    keep_in_force()
    return Door(config.rpc, (access.make_cookie("."), *_tokens(config.rpc)))


def _tokens(rpc: Rpc) -> tuple[access.Credential, ...]:
    shown: dict[str, Scope] = {access.DASHBOARD: "read"} if rpc.dashboard == "token" else {}
    return tuple(access.load_tokens(".", {**shown, **rpc.tokens}))


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
        self._door = Door(config.rpc, ())
        self._notifier = Notifier(os.environ)
        self._reloads = Counter({"taken over": 0, "refused": 0})
        self._unmet: tuple[str, ...] = ()

    def client(self, label: str) -> Reconnecting | None:
        """The connection to the process `label`; None when no such process is configured."""
        watched = self._watched.get(label)
        return watched.client if watched else None

    def amiss(self) -> tuple[str, ...]:
        """Why this node should not be asked now: a sentence each; none when it is ready."""
        pairs = [(one.child, one.client.connected) for one in self._watched.values()]
        return tuple(standing.amiss(pairs, shutil.disk_usage(".").free))

    def paths(self) -> tuple[str, ...]:
        """The RPC paths of the configured processes; the root always."""
        found = (one.child.spec.path for one in self._watched.values())
        return ("", *(path for path in found if path))

    async def metrics(self) -> bytes:
        """The figures of every process, in Prometheus's text format."""
        found = [(one.child, one.client) for one in self._watched.values()]
        readings = await measuring.processes(found)
        return exposition([measuring.daemon(self._reloads, ready=not self.amiss()), *readings])

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
        state = {"state": "running", "needs_restart": list(self._unmet)}
        return {"pid": pid, "network": network, **rpc, **state, "processes": processes}

    def _sentence(self) -> str:
        """How the processes stand, for the service manager."""
        states = [one.child.state for one in self._watched.values()]
        return f"{states.count('running')} of {len(states)} processes run; RPC on {self._address}"

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the node until SIGTERM, SIGINT or cancellation; `started` with the RPC address."""
        self._door = _prepare(self._config)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._obey, nursery)
                self._address = await nursery.start(serve, self, self._door)
                self._arrange(self._specs, nursery)
                self._publish()
                task_status.started(self._address)
                self._notifier.ready(self._sentence())
                nursery.start_soon(self._notifier.keep_alive)
                nursery.start_soon(self._keep_published)
                nursery.start_soon(collect_at_times)
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
                    self._notifier.reloading()
                    await self.reload(nursery)
                    self._notifier.ready(self._sentence())
                else:
                    self._notifier.stopping()
                    nursery.cancel_scope.cancel()

    async def reload(self, nursery: trio.Nursery) -> None:
        """Read the configuration anew: stop what was removed or changed, start what is new.

        A faulty one changes nothing. What needs a restart of the daemon is named.
        """
        try:
            config = load_config(".")
        except ConfigErrors as error:
            return self._refuse(str(error))
        if fixed := [key for key in FIXED if getattr(config, key) != getattr(self._config, key)]:
            return self._refuse(f"{', '.join(fixed)} cannot change: make another home for it")
        rpc = taken_over(self._door.config, config.rpc)
        try:
            # Another, though it waits for a restart, must be one that the daemon will start with.
            tls_context(config.rpc)
            tls = tls_context(rpc)
        except OSError as error:
            return self._refuse(str(error))
        try:
            tokens = _tokens(config.rpc)
            keep_in_force()
        except OSError as error:
            return self._refuse(f"{error}; make room, or the folder writable")
        self._door.renew(rpc, tokens, tls)
        self._take_over(config)
        await self._rearrange(self._replan(config) if self._replan else self._specs, nursery)

    def _refuse(self, why: str) -> None:
        self._reloads["refused"] += 1
        log.error("configuration refused, nothing changed", error=why)

    def _take_over(self, config: Config) -> None:
        """What the daemon itself goes by from now on; the children's part follows."""
        found = changes(self._config, config)
        effects = {change.key: change.effect for change in found if change.effect != RESTART}
        # Measured against what the daemon began with, so that it is named until it is restarted.
        begun = msgspec.structs.replace(config, rpc=self._door.config)
        self._unmet = tuple(change.key for change in changes(begun, config))
        self._config = config
        logs.configure("bystackd", config.log)
        self._reloads["taken over"] += 1
        log.info("configuration read anew", changed=effects)
        if self._unmet:
            log.warning("needs a restart of bystackd", changed=list(self._unmet))

    async def _rearrange(self, specs: tuple[RoleSpec, ...], nursery: trio.Nursery) -> None:
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
        self._notifier.status(self._sentence())
        try:
            files.replace(STATUS, msgspec.json.encode(self.status()) + b"\n", durable=False)
        except OSError as error:
            # A full disk must not end the daemon, and with it every process that could go on.
            log.error("status not written", error=str(error))

    async def _keep_published(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty = trio.Event()
            self._publish()
