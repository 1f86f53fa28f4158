"""The answering side of a private socket: one task per call, one per stream, bounded in number.

A handler's error ends its call, never the connection; bytes that are not the protocol end the
connection with a reason, never the process. A stream sends only what the caller has room for.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, assert_never

import structlog
import trio

from bystack.node.ipc import messages as m
from bystack.node.ipc.client import Unavailable
from bystack.node.ipc.errors import (
    BUSY,
    INTERNAL,
    METHOD_UNKNOWN,
    RemoteError,
    away,
    from_invalid,
    sole_cause,
)
from bystack.node.ipc.trace import traced
from bystack.primitives.errors import Invalid, Misuse

Handler = Callable[[str, list[Any]], Awaitable[Any]]
StreamHandler = Callable[[str, list[Any]], AsyncIterator[Any]]

MAX_PATH = 107
MAX_CALLS = 1024
MAX_STREAMS = 64
OUTBOX = 64
CHUNK = 64 * 1024
CLOSING_SECONDS = 1.0
PING = "ping"

log = structlog.get_logger("ipc")


def bind(path: str) -> socket.socket:
    """A listening unix socket at `path`, mode 0600, its directory 0700; replaces a stale one.

    Raises `Misuse` when the path is longer than the kernel allows.
    """
    if len(os.fsencode(path)) >= MAX_PATH:
        raise Misuse(f"socket path of {len(path)} bytes: chdir to the home and use a relative one")
    folder = os.path.dirname(path) or "."
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if folder != "." and stat.S_IMODE(os.stat(folder).st_mode) & 0o077:
        os.chmod(folder, 0o700)
    draft = f"{path}~"
    if os.path.lexists(draft):
        os.unlink(draft)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mode is set on the inode bind creates: there is no moment at which others may connect.
    os.fchmod(sock.fileno(), 0o600)
    sock.bind(draft)
    os.chmod(draft, 0o600)
    sock.listen(64)
    # Who sees the path can connect: it appears when somebody listens, and replaces a stale one.
    os.rename(draft, path)
    return sock


def _same_user(sock: trio.socket.SocketType) -> bool:
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    return bool(uid == os.getuid() or uid == 0)


def _remove(path: str, inode: int) -> None:
    # A successor may already listen at this path: remove only our own socket.
    if os.path.lexists(path) and os.stat(path).st_ino == inode:
        os.unlink(path)


async def serve(
    path: str,
    handler: Handler,
    streams: Mapping[str, StreamHandler] | None = None,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer on the unix socket `path` until cancelled; run with `nursery.start`.

    `handler` answers calls, `streams` maps method names to async iterators. `Invalid` travels as
    code -26 with the rule's name, `RemoteError` as itself, `Unavailable` as -28 (another process of
    this node is down), anything else as -32603 and is logged.
    """
    sock = bind(path)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    inode = os.stat(path).st_ino

    async def accept(stream: trio.SocketStream) -> None:
        if _same_user(stream.socket):
            await Connection(stream, handler, streams or {}).run()

    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, accept, [listener])
            task_status.started(path)
    finally:
        _remove(path, inode)


class Connection:
    """One client of a served socket."""

    def __init__(
        self, stream: trio.SocketStream, handler: Handler, streams: Mapping[str, StreamHandler]
    ) -> None:
        self._stream = stream
        self._handler = handler
        self._streams = streams
        self._scopes: dict[int, trio.CancelScope] = {}
        self._credits: dict[int, trio.Semaphore] = {}
        self._out, self._queue = trio.open_memory_channel[bytes](OUTBOX)

    async def run(self) -> None:
        """Serve until the client leaves or sends what is not the protocol."""
        try:
            async with self._stream, trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                try:
                    await self._read(nursery)
                except m.BadFrame as error:
                    await self._refuse(str(error))
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def _refuse(self, reason: str) -> None:
        log.warning("connection closed", reason=reason)
        with trio.move_on_after(CLOSING_SECONDS):
            await self._out.send(m.frame(m.Closing(reason)))
            await self._out.send(b"")
            await trio.sleep_forever()

    async def _write(self) -> None:
        async for data in self._queue:
            if not data:
                await self._stream.send_eof()
                return
            await self._stream.send_all(data)

    async def _read(self, nursery: trio.Nursery) -> None:
        splitter = m.Splitter()
        while data := await self._stream.receive_some(CHUNK):
            for body in splitter.feed(data):
                await self._take(m.parse(m.to_server, body), nursery)

    async def _take(self, message: m.ToServer, nursery: trio.Nursery) -> None:
        match message:
            case m.Call():
                await self._begin(message, nursery, MAX_CALLS)
            case m.Open():
                await self._begin(message, nursery, MAX_STREAMS)
            case m.Credit(id=id, count=count):
                self._grant(id, count)
            case m.Cancel(id=id):
                if scope := self._scopes.get(id):
                    scope.cancel()
            case _:
                assert_never(message)

    def _grant(self, id: int, count: int) -> None:
        room = self._credits.get(id)
        if room is None:
            return
        if room.value + count > m.WINDOW:
            raise m.BadFrame("more credit than the window")
        for _ in range(count):
            room.release()

    async def _begin(self, message: m.Call | m.Open, nursery: trio.Nursery, most: int) -> None:
        if message.id in self._scopes:
            raise m.BadFrame(f"request id {message.id} is in use")
        if isinstance(message, m.Open):
            busy = len(self._credits) >= most
        else:
            busy = len(self._scopes) - len(self._credits) >= most
        if busy:
            await self._send_failure(message.id, RemoteError(BUSY, "too many requests in flight"))
            return
        self._scopes[message.id] = trio.CancelScope()
        if isinstance(message, m.Open):
            self._credits[message.id] = trio.Semaphore(m.WINDOW)
        nursery.start_soon(self._perform, message)

    async def _perform(self, message: m.Call | m.Open) -> None:
        with traced(message.trace) as trace, self._scopes[message.id]:
            try:
                match message:
                    case m.Call():
                        await self._answer(message)
                    case m.Open():
                        await self._supply(message)
            # Out of memory, what runs on is not sound: the process ends and is started again.
            except MemoryError:
                raise
            # The boundary of a request: whatever a handler raises ends this request only.
            except Exception as error:
                await self._send_failure(message.id, by_value(error, message.method, trace))
        self._scopes.pop(message.id, None)
        self._credits.pop(message.id, None)

    async def _answer(self, call: m.Call) -> None:
        # Answered by no handler: it says that this process's loop turns, and nothing else.
        alive = call.method == PING
        value = None if alive else await self._handler(call.method, call.params)
        await self._out.send(_framed(m.Result(call.id, value)))

    async def _supply(self, request: m.Open) -> None:
        if request.method not in self._streams:
            raise RemoteError(METHOD_UNKNOWN, f"there is no stream named {request.method}")
        room = self._credits[request.id]
        items = self._streams[request.method](request.method, request.params)
        try:
            async for value in items:
                await room.acquire()
                await self._out.send(_framed(m.Item(request.id, value)))
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()
        await self._out.send(m.frame(m.End(request.id)))

    async def _send_failure(self, id: int, error: RemoteError) -> None:
        await self._out.send(_framed(m.Failure(id, error.code, error.message, error.data)))


def _framed(message: m.Message) -> bytes:
    try:
        return m.frame(message)
    except m.BadFrame as error:
        raise RemoteError(INTERNAL, f"the answer is too large: {error}") from None


def by_value(error: Exception, method: str, trace: str) -> RemoteError:
    """What a handler raised as it travels: what is no answer of ours is logged and not told."""
    cause = sole_cause(error)
    match cause:
        case RemoteError():
            return cause
        case Invalid():
            return from_invalid(cause)
        case Unavailable():
            return away(cause)
        case _:
            log.error("request failed", method=method, trace=trace, exc_info=cause)
            return RemoteError(INTERNAL, f"internal error in {method}; see this process's log")
