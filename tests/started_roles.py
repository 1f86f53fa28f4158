"""Starts every role of homes, each home in a process of its own, until each role answers.

`python -m tests.started_roles HOME...` leaves `started.json` in each: the figures of its processes.
The interpreters that a node starts for its roles would take a minute of a small machine; here what
they import is imported once, and a home's roles are tasks of one process. All else is theirs: each
one's `main`, on the home's own configuration, keys, files and sockets.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import trio

from bystack.node import announce, ipc
from bystack.node.config import Config, load_config
from bystack.node.processes.plan import RoleSpec, plan
from bystack.node.processes.role_main import RoleContext

ROLES = ("federation", "guard", "mainchain", "sidechain", "signer", "wallet")
SECONDS = 300.0
FOUND = "started.json"


async def answered(spec: RoleSpec) -> dict[str, Any]:
    """What the process of `spec` says of itself, once it runs; the signer announces it."""
    while True:
        told = announce.announced(".", spec.role, spec.name)
        try:
            if spec.role == "signer" and told:
                return dict(told["figures"])
            if told:
                async with ipc.connect(announce.socket_of(spec.role, spec.name)) as line:
                    return dict(await line.call("metrics"))
        except (ipc.Unavailable, ipc.RemoteError):
            await trio.sleep(0.02)
        await trio.sleep(0.02)


async def play(config: Config) -> dict[str, Any]:
    """Run the home's roles until each has answered, then end them; the answers."""
    found: dict[str, Any] = {}
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            for spec in plan(config):
                main = importlib.import_module(f"bystack.node.roles.{spec.role}").main
                context = RoleContext(spec.role, spec.name, os.getcwd(), config)
                nursery.start_soon(main, context)
            for spec in plan(config):
                found[spec.label] = await answered(spec)
            nursery.cancel_scope.cancel()
    return found


def start(home: str) -> None:
    """Fork and run the home there."""
    if (pid := os.fork()) == 0:
        code = 1
        try:
            os.chdir(home)
            found = trio.run(play, load_config("."))
            Path(FOUND).write_bytes(msgspec.json.encode(found))
            code = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit(f"{home}: its roles did not all start")


if __name__ == "__main__":
    for role in ROLES:
        importlib.import_module(f"bystack.node.roles.{role}")
    for home in sys.argv[1:]:
        start(home)
