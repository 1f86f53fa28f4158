"""One process under watch: started, listened to, started again; a crash loop ends in `failed`.

It is started from this very thread: a child's death signal is bound to the thread that begot it,
and a worker thread would take the child along when it idles out.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import structlog
import trio

from bystack.node.announce import BEHIND, RUNNING, SIGN_SECONDS
from bystack.node.processes.logs import RotatingFile
from bystack.node.processes.plan import RoleSpec
from bystack.node.processes.sandbox import apply_limits

State = Literal["starting", "running", "backoff", "failed", "stopped"]

BAD_CONFIGURATION = 2
NOT_STARTED = 127
CHUNK = 64 * 1024

log = structlog.get_logger("supervisor")


class Restarts(NamedTuple):
    """When to start again, in seconds, and after how many exits within which time to give up.

    A process that runs gives a sign of life each `beat`; without one for its `patience` it hangs,
    and is killed. Beats are counted, not the time: while the supervisor stands still none passes.
    """

    first: float = 0.1
    longest: float = 5.0
    most: int = 10
    within: float = 60.0
    grace: float = 10.0
    beat: float = SIGN_SECONDS


class Child:
    """A role's process and its history. `run` keeps it alive until cancelled, then stops it."""

    def __init__(
        self,
        spec: RoleSpec,
        home: str,
        environment: Mapping[str, str],
        output: RotatingFile,
        changed: Callable[[], None],
        restarts: Restarts = Restarts(),  # noqa: B008 (an immutable value)
    ) -> None:
        self.spec = spec
        self.state: State = "stopped"
        self.pid = 0
        self.restarts = 0
        self.exit = ""
        self.behind = False
        self._missed = 0
        self._hung = False
        self._home = home
        self._environment = dict(environment)
        self._output = output
        self._changed = changed
        self._rules = restarts
        self._exits: deque[float] = deque(maxlen=restarts.most)

    @property
    def silent(self) -> float:
        """Seconds without a sign of life, in whole beats; 0 for a process that is not running."""
        return self._missed * self._rules.beat

    def _enter(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._changed()

    async def run(self) -> None:
        """Start, watch and restart until cancelled or `failed`; on the way out stop it."""
        pause = self._rules.first
        try:
            while True:
                began = trio.current_time()
                code = await self._once()
                now = trio.current_time()
                pause = self._rules.first if now - began > self._rules.within / 2 else pause
                self._exits.append(now)
                if self._hopeless(code, now):
                    log.error("process failed for good", child=self.spec.label, exit=self.exit)
                    self._enter("failed")
                    return
                log.warning("process ended", child=self.spec.label, exit=self.exit, again_in=pause)
                self._enter("backoff")
                await trio.sleep(pause)
                pause = min(2 * pause, self._rules.longest)
                self.restarts += 1
        finally:
            if self.state != "failed":
                self._enter("stopped")
            self._output.close()

    def _hopeless(self, code: int, now: float) -> bool:
        full = len(self._exits) == self._rules.most
        looping = full and now - self._exits[0] <= self._rules.within
        return looping or code == BAD_CONFIGURATION

    async def _once(self) -> int:
        """One life of the process: its exit code, negative for a signal."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._start(theirs)
        except OSError as error:
            ours.close()
            self.exit = f"not started: {error}"
            return NOT_STARTED
        collecting = trio.CancelScope(shield=True)
        with trio.socket.from_stdlib_socket(ours) as line:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._collect, process, collecting)
                nursery.start_soon(self._hear, line)
                nursery.start_soon(self._watch, process)
                try:
                    await _ended(process)
                finally:
                    await self._stop(process)
                    # What it begot may hold the pipe open: read on for a moment only.
                    collecting.deadline = trio.current_time() + 1
                    line.close()
                    nursery.cancel_scope.cancel()
        code = process.wait()
        self.pid = self._missed = 0
        self.exit = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
        if self._hung:
            self.exit = "killed: no sign of life"
        return code

    def _start(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        argv = (*self.spec.argv, "--lifeline", str(theirs.fileno()))
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._home,
            env=self._environment,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            bufsize=0,
        )
        try:
            apply_limits(process.pid, self.spec.limits)
        except (ProcessLookupError, PermissionError) as error:
            log.warning("limits not set", child=self.spec.label, error=str(error))
        self.pid = process.pid
        self._enter("starting")
        return process

    async def _collect(self, process: subprocess.Popen[bytes], scope: trio.CancelScope) -> None:
        assert process.stdout is not None
        with scope:
            async with trio.lowlevel.FdStream(os.dup(process.stdout.fileno())) as stream:
                process.stdout.close()
                async for data in stream:
                    self._output.write(bytes(data))

    async def _hear(self, line: trio.socket.SocketType) -> None:
        try:
            while said := await line.recv(64):
                self._missed, self.behind = 0, said.endswith(BEHIND)
                if RUNNING in said:
                    self._enter("running")
        except (OSError, trio.ClosedResourceError):
            return

    async def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Kill the process when it has run and gives no sign of life any more."""
        self._missed, self.behind, self._hung = 0, False, False
        while self.silent < self.spec.patience:
            await trio.sleep(self._rules.beat)
            self._missed += self.state == "running"
        log.error("process hangs, it is killed", child=self.spec.label, silent=self.silent)
        self._hung = True
        process.kill()

    async def _stop(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            return
        process.terminate()
        process.send_signal(signal.SIGCONT)
        with trio.CancelScope(shield=True):
            with trio.move_on_after(self._rules.grace):
                await _ended(process)
                return
            # It did not answer: stopped, looping or stuck. Nothing it holds is worth waiting for.
            process.kill()
            await _ended(process)


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Return when the process has ended, without a thread of its own."""
    if process.poll() is not None:
        return
    handle = os.pidfd_open(process.pid)
    try:
        await trio.lowlevel.wait_readable(handle)
    finally:
        trio.lowlevel.notify_closing(handle)
        os.close(handle)
    process.wait()
