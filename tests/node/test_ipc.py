"""Private sockets: calls, errors by value, streams with back-pressure, hostile bytes."""

from __future__ import annotations

import itertools
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.lowlevel
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from bystack.node import ipc
from bystack.node.ipc import messages as m
from bystack.node.ipc import server
from bystack.primitives.errors import Invalid, Misuse


class TooSour(Invalid):
    """The lemon is too sour."""


taken: list[int] = []


async def handler(method: str, params: list[Any]) -> Any:
    match method:
        case "echo":
            return params
        case "trace":
            return ipc.current_trace()
        case "sour":
            raise TooSour(ph=2, skin=b"\xff")
        case "grouped":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fail)
        case "bug":
            raise ZeroDivisionError("secret detail")
        case "huge":
            return bytes(m.MAX_FRAME + 1)
        case "wait":
            await trio.sleep_forever()
        case "away":
            raise ipc.Unavailable("nobody answers at run/mainchain.sock")
        case "refuse":
            raise ipc.RemoteError(-8, "Block height out of range")
    raise ipc.RemoteError(ipc.METHOD_UNKNOWN, f"no method {method}")


async def fail() -> None:
    raise TooSour(ph=1)


async def numbers(method: str, params: list[Any]) -> AsyncIterator[int]:
    for number in range(params[0]):
        taken.append(number)
        yield number
        if number == 40:
            raise TooSour(ph=0)


async def endless(method: str, params: list[Any]) -> AsyncIterator[int]:
    try:
        while True:
            yield 1
    finally:
        taken.append(-1)


def run(path: Path, body: Callable[[str], Awaitable[None]]) -> None:
    async def main() -> None:
        address = str(path / "run" / "test.sock")
        with trio.fail_after(180):
            async with trio.open_nursery() as nursery:
                await nursery.start(serving, address)
                await body(address)
                nursery.cancel_scope.cancel()

    taken.clear()
    trio.run(main)


async def serving(address: str, task_status: trio.TaskStatus[str]) -> None:
    streams = {"numbers": numbers, "endless": endless}
    await ipc.serve(address, handler, streams, task_status=task_status)


@asynccontextmanager
async def client(address: str) -> AsyncIterator[ipc.Client]:
    async with ipc.connect(address) as connection:
        yield connection


def test_call_carries_bytes_ints_text_and_lists(tmp_path: Path) -> None:
    async def body(address: str) -> None:
        async with client(address) as c:
            assert await c.call("echo", b"\x00\xff", 2**63, "ü", [1, [2]]) == [
                b"\x00\xff",
                2**63,
                "ü",
                [1, [2]],
            ]

    run(tmp_path, body)


def test_many_calls_in_flight_on_one_connection(tmp_path: Path) -> None:
    async def body(address: str) -> None:
        got: list[int] = []

        async def one(c: ipc.Client, number: int) -> None:
            got.extend(await c.call("echo", number))

        async with client(address) as c, trio.open_nursery() as nursery:
            nursery.start_soon(waits_in_vain, c)
            for number in range(300):
                nursery.start_soon(one, c, number)
        assert sorted(got) == list(range(300))

    run(tmp_path, body)


async def waits_in_vain(c: ipc.Client) -> None:
    with pytest.raises(ipc.TimedOut):
        await c.call("wait", timeout=0.2)


def test_broken_rule_travels_by_value(tmp_path: Path) -> None:
    async def body(address: str) -> None:
        async with client(address) as c:
            for method, ph in (("sour", 2), ("grouped", 1)):
                with pytest.raises(ipc.RemoteError) as caught:
                    await c.call(method)
                assert caught.value.code == ipc.INVALID
                assert caught.value.rule == "TooSour"
                assert caught.value.data["facts"]["ph"] == ph
            with pytest.raises(ipc.RemoteError, match="out of range") as refused:
                await c.call("refuse")
            assert refused.value.code == -8

    run(tmp_path, body)


def test_bug_in_a_handler_ends_its_call_only_and_leaks_nothing(tmp_path: Path) -> None:
    async def body(address: str) -> None:
        async with client(address) as c:
            for method in ("bug", "huge"):
                with pytest.raises(ipc.RemoteError) as caught:
                    await c.call(method)
                assert caught.value.code == ipc.INTERNAL
                assert "secret detail" not in str(caught.value)
            assert await c.call("echo", 1) == [1]

    run(tmp_path, body)


def test_trace_id_crosses_the_border(tmp_path: Path) -> None:
    async def body(address: str) -> None:
        async with client(address) as c:
            with ipc.traced("abc123"):
                assert await c.call("trace") == "abc123"
            assert len(await c.call("trace")) == 16

    run(tmp_path, body)


def test_stream_holds_back_the_sender(tmp_path: Path) -> None:
    async def body(address: str) -> None:
        async with client(address) as c:
            stream = c.stream("numbers", 1000)
            assert await anext(stream) == 0
            assert await c.call("echo") == []
            # One beyond the window waits for room; the first item's credit allows one more.
            assert len(taken) <= m.WINDOW + 2
            with pytest.raises(ipc.RemoteError) as caught:
                async for _ in stream:
                    pass
            assert caught.value.rule == "TooSour"
            assert taken[-1] == 40
            with pytest.raises(ipc.RemoteError):
                await anext(stream)

    run(tmp_path, body)


def test_stream_ends_and_is_left_early(tmp_path: Path) -> None:
    async def body(address: str) -> None:
        async with client(address) as c:
            assert [n async for n in c.stream("numbers", 5)] == [0, 1, 2, 3, 4]
            async with c.stream("endless") as stream:
                async for _ in stream:
                    break
            while -1 not in taken:
                await c.call("echo")
            with pytest.raises(ipc.RemoteError, match="no stream"):
                await anext(c.stream("nothing"))

    run(tmp_path, body)


def test_streams_are_bounded_in_number(tmp_path: Path) -> None:
    async def body(address: str) -> None:
        async with client(address) as c:
            streams = [c.stream("endless") for _ in range(65)]
            for stream in streams[:64]:
                assert await anext(stream) == 1
            with pytest.raises(ipc.RemoteError, match="too many"):
                await anext(streams[64])

    run(tmp_path, body)


def test_socket_is_private(tmp_path: Path) -> None:
    async def body(address: str) -> None:
        assert stat.S_IMODE(os.stat(address).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(address)).st_mode) == 0o700

    run(tmp_path, body)
    assert not (tmp_path / "run" / "test.sock").exists()


def test_a_request_that_needs_a_process_which_is_down_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no error of ours: nothing is logged, and the caller may try again."""
    logged: list[str] = []
    monkeypatch.setattr(server.log, "error", lambda text, **_: logged.append(text))

    async def body(address: str) -> None:
        async with client(address) as c:
            with pytest.raises(ipc.RemoteError, match=r"run/mainchain\.sock.*try again") as refused:
                await c.call("away")
            assert (refused.value.code, refused.value.rule) == (-28, "Unavailable")

    run(tmp_path, body)
    assert logged == []


def test_long_path_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="relative"):
        trio.run(ipc.serve, str(tmp_path / ("x" * 120)), handler)


HOSTILE = {
    "giant length": b"\xff\xff\xff\xff",
    "not msgpack": b"\x00\x00\x00\x04\xc1\xc1\xc1\xc1",
    "unknown type": b"\x00\x00\x00\x02\x91\x63",
    "wrong field": b"\x00\x00\x00\x05\x95\x00\xa1a\x01\x01",
    "deep nesting": (100_000).to_bytes(4, "big") + b"\x91" * 100_000,
    "credit flood": m.frame(m.Open(1, "", "endless", [])) + m.frame(m.Credit(1, 16)) * 3,
    "reused id": m.frame(m.Call(1, "", "wait", [])) * 2,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_end_the_connection_with_a_reason(tmp_path: Path, name: str) -> None:
    async def body(address: str) -> None:
        stream = await trio.open_unix_socket(address)
        await stream.send_all(HOSTILE[name])
        received = b""
        while data := await stream.receive_some(65536):
            received += data
        last = m.Splitter().feed(received)[-1]
        assert isinstance(m.parse(m.to_client, last), m.Closing)
        async with client(address) as c:
            assert await c.call("echo", 1) == [1]

    run(tmp_path, body)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_splitter_gives_frames_whatever_the_cuts(tail: bytes, cuts: list[int]) -> None:
    bodies = [b"", b"a", tail, b"z" * 50]
    stream = b"".join(len(b).to_bytes(4, "big") + b for b in bodies)
    splitter, got, edges = m.Splitter(), [], sorted({0, *cuts, len(stream)})
    for low, high in itertools.pairwise(edges):
        got += splitter.feed(stream[low:high])
    assert got == bodies
    assert splitter.empty


def test_length_is_judged_before_its_bytes_arrive() -> None:
    with pytest.raises(m.BadFrame, match="exceeds"):
        m.Splitter().feed((m.MAX_FRAME + 1).to_bytes(4, "big"))
    with pytest.raises(m.BadFrame):
        m.parse(m.to_server, msgspec.msgpack.encode([0, -1, "", "m", []]))


def test_calls_fail_at_once_when_the_other_side_goes(tmp_path: Path) -> None:
    async def main() -> None:
        address = str(tmp_path / "s.sock")
        with trio.fail_after(180):
            async with trio.open_nursery() as nursery:
                await nursery.start(serving, address)
                async with trio.open_nursery() as callers, ipc.connect(address) as c:
                    await c.call("echo")
                    callers.start_soon(loses, c)
                    await trio.testing.wait_all_tasks_blocked()
                    nursery.cancel_scope.cancel()
                    with trio.CancelScope(shield=True):
                        await trio.testing.wait_all_tasks_blocked()

    async def loses(c: ipc.Client) -> None:
        with trio.CancelScope(shield=True), pytest.raises(ipc.Unavailable):
            await c.call("wait")

    trio.run(main)


def test_reconnecting_comes_back(tmp_path: Path) -> None:
    async def main() -> None:
        address = str(tmp_path / "s.sock")
        with trio.fail_after(180):
            async with trio.open_nursery() as nursery:
                c = ipc.Reconnecting(address)
                await nursery.start(c.run)
                with pytest.raises(ipc.Unavailable):
                    await c.call("echo")
                for _ in range(2):
                    async with trio.open_nursery() as other:
                        await other.start(serving, address)
                        await c.wait_connected()
                        assert await c.call("echo", 7) == [7]
                        other.cancel_scope.cancel()
                    with pytest.raises(ipc.Unavailable):
                        await c.call("wait")
                nursery.cancel_scope.cancel()

    trio.run(main)


def test_a_patient_caller_waits_for_a_process_that_starts(tmp_path: Path) -> None:
    async def main() -> None:
        address = str(tmp_path / "s.sock")
        with trio.fail_after(180):
            async with trio.open_nursery() as nursery:
                c = ipc.Reconnecting(address, patience=170.0)
                await nursery.start(c.run)
                answered = trio.Event()

                async def ask() -> None:
                    assert await c.call("echo", 7) == [7]
                    answered.set()

                nursery.start_soon(ask)
                await trio.lowlevel.checkpoint()
                await nursery.start(serving, address)
                await answered.wait()
                nursery.cancel_scope.cancel()

    trio.run(main)


def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(ipc.Unavailable, match="nobody answers"):
            async with ipc.connect(str(tmp_path / "none.sock")):
                pass

    trio.run(main)


def test_server_that_talks_nonsense_is_unavailable(tmp_path: Path) -> None:
    address = str(tmp_path / "s.sock")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(address)
    sock.listen()

    async def main() -> None:
        async with ipc.connect(address) as c, trio.open_nursery() as nursery:
            peer, _ = await trio.to_thread.run_sync(sock.accept)
            nursery.start_soon(trio.to_thread.run_sync, peer.sendall, b"\xff" * 8)
            with pytest.raises(ipc.Unavailable, match="exceeds"):
                await c.call("echo")
        peer.close()

    trio.run(main)
    sock.close()


def test_an_error_inside_a_connection_is_the_callers_own(tmp_path: Path) -> None:
    """Not one in a group: whoever asks catches what the other process answers."""

    async def body(address: str) -> None:
        with pytest.raises(ipc.RemoteError, match="out of range"):
            async with ipc.connect(address) as connection:
                await connection.call("refuse")

    run(tmp_path, body)
