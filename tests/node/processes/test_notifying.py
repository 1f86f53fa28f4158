"""What a service manager hears, on a real socket of its kind."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from bystack.node.processes.notifying import Notifier


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    name = str(tmp_path / "notify")
    if request.param == "abstract":
        name = f"@bystack-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(name.replace("@", "\0", 1))
        line.settimeout(60)
        yield name, line


def lines(line: socket.socket) -> list[str]:
    return line.recv(4096).decode().splitlines()


def test_a_life_as_the_manager_hears_it(manager: tuple[str, socket.socket]) -> None:
    name, line = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("2 of 2")
    assert lines(line) == ["READY=1", "STATUS=2 of 2"]
    notifier.reloading()
    reloading, since = lines(line)
    assert reloading == "RELOADING=1"
    assert since.startswith("MONOTONIC_USEC=") and int(since.partition("=")[2]) > 0
    notifier.status("1 of 2")
    assert lines(line) == ["STATUS=1 of 2"]
    notifier.stopping()
    assert lines(line)[0] == "STOPPING=1"


def test_signs_of_life_come_while_the_loop_turns(manager: tuple[str, socket.socket]) -> None:
    name, line = manager
    given = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier(given)
    assert notifier.watchdog == 0.01

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(notifier.keep_alive)
            for _ in range(3):
                assert await trio.to_thread.run_sync(lines, line) == ["WATCHDOG=1"]
            nursery.cancel_scope.cancel()

    trio.run(main)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-5"},
    ],
)
def test_who_is_not_watched_gives_no_sign(given: dict[str, str]) -> None:
    notifier = Notifier(given)
    assert notifier.watchdog == 0
    trio.run(notifier.keep_alive)


@pytest.mark.parametrize("name", ["", "vsock:2:1", "/nowhere/at/all"])
def test_nobody_there_is_no_fault(name: str) -> None:
    Notifier({"NOTIFY_SOCKET": name}).ready("fine")


def test_a_manager_that_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "full"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "full")})
        for _ in range(10_000):
            notifier.status("x" * 1000)
        assert lines(line) == ["STATUS=" + "x" * 1000]
