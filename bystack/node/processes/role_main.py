"""What every role's process shares: a role is `run_role("name", main)` and its `main(context)`.

In order: arguments, home, private umask, death with the parent, configuration, log, sandbox; then
`main` runs until it returns, SIGTERM comes or the supervisor's lifeline is cut.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
import trio

from bystack.node import announce as announcing
from bystack.node.announce import ALIVE, BEHIND, RUNNING, SIGN_SECONDS
from bystack.node.config import FILE, IN_FORCE, Config, ConfigErrors, load_config
from bystack.node.ipc.errors import sole_cause
from bystack.node.keyfiles import PASSWORD_FILE, KeyFileError
from bystack.node.processes import logs, sandbox
from bystack.node.processes.garbage import collect_at_times, collect_seldom
from bystack.node.store import failpoints
from bystack.node.store.errors import StoreError
from bystack.node.store.journal import JournalError
from bystack.primitives.codec import prepare

log = structlog.get_logger("role")

WITHOUT_PEERS = ("signer", "wallet")
KEYS = "keys"

EXPLAINED = (StoreError, JournalError, KeyFileError, ConfigErrors, OSError)
"""Errors whose text is a sentence and a next step; others are bugs and come with a traceback."""


@dataclass(frozen=True)
class RoleContext:
    """What a role is told: who it is, where it lives (its working directory is the home)."""

    role: str
    name: str
    home: str
    config: Config
    lifeline: socket.socket | None = field(default=None, repr=False)
    doubts: list[Callable[[], bool]] = field(default_factory=list, repr=False)
    """Each says whether this process is behind what it follows; a role adds its own."""

    @property
    def label(self) -> str:
        """`sidechain-trade`, `signer`."""
        return announcing.label_of(self.role, self.name)

    @property
    def network(self) -> str:
        """main, test, regtest, or the path of a genesis file."""
        return self.config.network

    @property
    def data(self) -> str:
        """The role's own directory (made, 0700), relative to the home."""
        path = data_of(self.role, self.name)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return path

    @property
    def socket(self) -> str:
        """The role's own private socket, relative to the home."""
        return announcing.socket_of(self.role, self.name)

    def announce(self, **facts: Any) -> None:
        """Write `run/<label>.json` and tell the supervisor that this process is ready."""
        announcing.announce(self.role, self.name, **facts)
        self._say(RUNNING)

    async def give_signs(self, seconds: float = SIGN_SECONDS) -> None:
        """Tell the supervisor that this process's loop turns, until cancelled."""
        while True:
            self._say(BEHIND if any(doubt() for doubt in self.doubts) else ALIVE)
            await trio.sleep(seconds)

    def _say(self, sign: bytes) -> None:
        if self.lifeline is not None:
            try:
                # A supervisor that does not read must hold nobody up.
                self.lifeline.send(sign, socket.MSG_DONTWAIT)
            except OSError:
                return


def data_of(role: str, name: str = "") -> str:
    """The directory of one role's data, relative to the home."""
    return f"data/{announcing.label_of(role, name)}"


async def lifeline(fd: int) -> None:
    """Return when the other end of the inherited socket `fd` is closed: the parent is gone."""
    # A parent that is killed before it read every sign of life leaves a reset instead of an end.
    with (
        trio.socket.fromfd(fd, socket.AF_UNIX, socket.SOCK_STREAM) as sock,
        suppress(ConnectionResetError),
    ):
        while await sock.recv(64):
            continue


def run_role(role: str, main: Callable[[RoleContext], Awaitable[None]]) -> None:
    """Run `main` as this process's role and exit: 0 orderly, 1 on an error, 2 on configuration."""
    arguments = _arguments(role)
    os.umask(0o077)
    os.chdir(arguments.home)
    sandbox.die_with_parent()
    label = announcing.label_of(role, arguments.name)
    failpoints.name_process(label)
    logs.configure(label)
    try:
        config = load_config(".")
    except ConfigErrors as error:
        log.error("configuration refused", error=str(error))
        sys.exit(2)
    logs.configure(label, config.log)
    line = None if arguments.lifeline is None else socket.socket(fileno=arguments.lifeline)
    context = RoleContext(role, arguments.name, os.getcwd(), config, line)
    if config.limits.sandbox:
        log.info("sandbox", result=_confine(context))
    sys.exit(_outcome(main, context))


def _arguments(role: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"bystackd-{role}", description=f"The {role} process of a Bystack node (section 1)."
    )
    parser.add_argument("--home", required=True, help="the node's home")
    parser.add_argument("--name", default="", help="which instance, as in bystack.toml")
    parser.add_argument("--lifeline", type=int, help="inherited socket; exit when it closes")
    return parser.parse_args()


def readable(config: Config, role: str, name: str) -> tuple[str, ...]:
    """Files beside its own that a role must read, relative to the home."""
    paths = [FILE, IN_FORCE, "sidechains", "federations"]
    if os.path.isfile(config.network):
        paths.append(config.network)
    paths += [one.genesis for one in config.sidechain if one.name == name]
    if role == "sidechain":
        paths.append(f"{KEYS}/{name}.node.key")
    if role == "federation":
        # Its member's key may be sealed; the other keys, which the password opens too, stay shut.
        paths += [
            p
            for one in config.federation
            if one.name == name
            for p in (one.member_key, PASSWORD_FILE, one.charter)
        ]
    if role == "guard":
        # Its key is the signer's alone.
        paths += [
            p for one in config.guard if one.name == name for p in (one.charter, one.hook) if p
        ]
    return tuple(paths)


def writable(role: str, name: str) -> tuple[str, ...]:
    """What a role may change, relative to the home: its data, the sockets; the signer the keys."""
    return (data_of(role, name), announcing.RUN, *([KEYS] if role == "signer" else []))


def _confine(context: RoleContext) -> str:
    for path in writable(context.role, context.name):
        os.makedirs(path, mode=0o700, exist_ok=True)
    return sandbox.confine(
        readable(context.config, context.role, context.name),
        writable(context.role, context.name),
        tcp=context.role not in WITHOUT_PEERS,
    )


def _outcome(main: Callable[[RoleContext], Awaitable[None]], context: RoleContext) -> int:
    prepare()
    collect_seldom()
    try:
        trio.run(_live, main, context)
    # The boundary of a process: name the fault in the log, then let the supervisor decide.
    except Exception as error:
        cause = sole_cause(error)
        bug = None if isinstance(cause, EXPLAINED) else cause
        log.error("process failed", error=str(cause), exc_info=bug)
        return 1
    return 0


async def _live(main: Callable[[RoleContext], Awaitable[None]], context: RoleContext) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(_end_on_signal, nursery.cancel_scope)
        if context.lifeline is not None:
            nursery.start_soon(_end_with_parent, context.lifeline.fileno(), nursery.cancel_scope)
            nursery.start_soon(context.give_signs)
        nursery.start_soon(collect_at_times)
        await main(context)
        nursery.cancel_scope.cancel()


async def _end_on_signal(
    scope: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            log.info("stopping", signal=signal.Signals(number).name)
            scope.cancel()


async def _end_with_parent(fd: int, scope: trio.CancelScope) -> None:
    await lifeline(fd)
    log.warning("the supervisor is gone")
    scope.cancel()
