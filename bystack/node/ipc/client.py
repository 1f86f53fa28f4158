"""The calling side of a private socket: many calls in flight on one connection, and streams.

A caller that is cancelled or times out leaves nothing half-written: one task writes whole frames.
`Reconnecting` dials again with back-off; while the other side is down every call is `Unavailable`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from types import TracebackType
from typing import Any, assert_never

import trio

from bystack.node.ipc import messages as m
from bystack.node.ipc.errors import RemoteError, sole_cause
from bystack.node.ipc.trace import current_trace, new_trace

CHUNK = 64 * 1024
CONNECT_SECONDS = 5.0
CALL_SECONDS = 30.0
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
MAX_CONTROL = 4096


class Unavailable(Exception):
    """The other process cannot be reached now; it may come back."""


class Unanswered(Unavailable):
    """The other process was asked and left no answer; it may have done the work all the same."""


class TimedOut(Unanswered):
    """It did not answer in time."""


class _Pending:
    """One call in flight."""

    def __init__(self) -> None:
        self.done = trio.Event()
        self.value: Any = None
        self.error: Exception | None = None

    def settle(self, value: Any, error: Exception | None = None) -> None:
        """The answer is here: wake the caller."""
        self.value, self.error = value, error
        self.done.set()


class ItemStream:
    """Items of a stream, in order: `async for item in stream`.

    The sender stays at most `WINDOW` items ahead. Leave early with `close` or `async with`.
    """

    def __init__(self, client: Client, request: m.Open) -> None:
        self._client = client
        self._request = request
        self._begun = False
        self._end: Exception | None = None
        # Two places more than the window, for the end and the loss that may follow the last item.
        self._in, self._out = trio.open_memory_channel[m.Item | Exception](m.WINDOW + 2)

    def __aiter__(self) -> ItemStream:
        return self

    async def __anext__(self) -> Any:
        if not self._begun:
            self._begun = True
            await self._client._open(self._request, self)
        if self._end is not None:
            raise self._end
        match await self._out.receive():
            case m.Item(value=value):
                self._client._post(m.Credit(self._request.id, 1))
                return value
            case Exception() as error:
                self._end = error
                self._client._forget(self._request.id)
                raise error

    def _put(self, item: m.Item | Exception) -> None:
        try:
            self._in.send_nowait(item)
        except trio.WouldBlock:
            raise m.BadFrame("the other side sent more items than there is room for") from None

    def close(self) -> None:
        """Tell the other side to stop; further items are dropped."""
        if self._client._forget(self._request.id):
            self._client._post(m.Cancel(self._request.id))

    async def __aenter__(self) -> ItemStream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Client:
    """A connection to a served socket; made by `connect`."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._ids = count(1)
        self._calls: dict[int, _Pending] = {}
        self._items: dict[int, ItemStream] = {}
        self._lost: str | None = None
        self._out, self._queue = trio.open_memory_channel[bytes](64)
        self._control: list[m.Message] = []
        self._scope = trio.CancelScope()

    async def call(self, method: str, *params: Any, timeout: float = CALL_SECONDS) -> Any:
        """The result of `method`; raises `RemoteError`, `Unavailable` or `TimedOut` (seconds)."""
        id = next(self._ids)
        request = m.frame(m.Call(id, current_trace() or new_trace(), method, list(params)))
        pending = self._calls[id] = _Pending()
        try:
            with trio.fail_after(timeout):
                await self._send(request)
                await pending.done.wait()
        except trio.TooSlowError:
            self._post(m.Cancel(id))
            raise TimedOut(f"no answer to {method} within {timeout:g} s") from None
        except trio.Cancelled:
            self._post(m.Cancel(id))
            raise
        finally:
            self._calls.pop(id, None)
        if pending.error is not None:
            raise pending.error
        return pending.value

    def stream(self, method: str, *params: Any) -> ItemStream:
        """The items of stream `method`; it opens when the first is asked for."""
        trace = current_trace() or new_trace()
        return ItemStream(self, m.Open(next(self._ids), trace, method, list(params)))

    async def _open(self, request: m.Open, items: ItemStream) -> None:
        self._items[request.id] = items
        await self._send(m.frame(request))

    def _forget(self, id: int) -> bool:
        return self._items.pop(id, None) is not None

    async def _send(self, data: bytes) -> None:
        if self._lost is not None:
            raise Unavailable(self._lost)
        try:
            await self._out.send(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Unavailable(self._lost or "the connection is closed") from None

    def _post(self, message: m.Message) -> None:
        """Send without waiting: credits and cancellations, which ride before the next frame."""
        if self._lost is None:
            self._control.append(message)
            if len(self._control) > MAX_CONTROL:
                self._lose("the other side does not read")
                self._scope.cancel()
            try:
                self._out.send_nowait(b"")
            except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
                return

    async def _write(self) -> None:
        async for data in self._queue:
            control, self._control = self._control, []
            await self._stream.send_all(b"".join(map(m.frame, control)) + data)

    async def _read(self) -> None:
        splitter = m.Splitter()
        while data := await self._stream.receive_some(CHUNK):
            for body in splitter.feed(data):
                self._take(m.parse(m.to_client, body))
        self._lose("the other side closed the connection")

    def _take(self, message: m.ToClient) -> None:
        match message:
            case m.Result(id=id, value=value):
                self._settle(id, value, None)
            case m.Failure(id=id, code=code, message=text, data=data):
                self._settle(id, None, RemoteError(code, text, data))
            case m.Item(id=id):
                if items := self._items.get(id):
                    items._put(message)
            case m.End(id=id):
                self._settle(id, None, StopAsyncIteration())
            case m.Closing(reason=reason):
                self._lose(reason)
            case _:
                assert_never(message)

    def _settle(self, id: int, value: Any, error: Exception | None) -> None:
        if pending := self._calls.get(id):
            pending.settle(value, error)
        elif (items := self._items.get(id)) and error is not None:
            items._put(error)

    def _lose(self, reason: str) -> None:
        if self._lost is not None:
            return
        self._lost = reason
        self._out.close()
        for pending in self._calls.values():
            pending.settle(None, Unanswered(reason))
        for items in self._items.values():
            items._put(Unavailable(reason))

    async def _carry(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            await self._read()
            nursery.cancel_scope.cancel()

    async def run(self) -> None:
        """Carry the connection's bytes until it ends, then fail what is in flight."""
        try:
            with self._scope:
                await self._carry()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        except* m.BadFrame as group:
            self._lose(str(group.exceptions[0]))
        finally:
            self._lose("the connection is closed")


async def _dial(path: str, timeout: float) -> trio.SocketStream:
    try:
        with trio.fail_after(timeout):
            return await trio.open_unix_socket(path)
    except (OSError, trio.TooSlowError) as error:
        raise Unavailable(f"nobody answers at {path}: {error or 'no answer in time'}") from None


@asynccontextmanager
async def connect(path: str, *, timeout: float = CONNECT_SECONDS) -> AsyncGenerator[Client]:
    """A `Client` of the socket at `path`; raises `Unavailable` when nobody answers there."""
    stream = await _dial(path, timeout)
    client = Client(stream)
    try:
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(client.run)
            try:
                yield client
            finally:
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:  # the caller knows of no nursery: its error as it was
        raise sole_cause(group) from None


class Reconnecting:
    """A client that dials again. Start `run` in a nursery; calls go to the live connection.

    `patience`: seconds that a call waits for one, for people ask while processes still start.
    """

    def __init__(self, path: str, *, patience: float = 0.0) -> None:
        self.path, self.patience = path, patience
        self._client: Client | None = None
        self._up = trio.Event()
        self._hurry = trio.Event()

    @property
    def connected(self) -> bool:
        """There is a live connection at this moment."""
        return self._client is not None

    async def wait_connected(self) -> None:
        """Return once there is a live connection."""
        await self._up.wait()

    def dial_now(self) -> None:
        """Cut the back-off short: the other side has just come up."""
        self._hurry.set()

    async def call(self, method: str, *params: Any, timeout: float = CALL_SECONDS) -> Any:
        """As `Client.call`; raises `Unavailable` while the other side is down: at once, or where
        there is patience after so many seconds of dialling."""
        if self._client is None and self.patience:
            self.dial_now()
            with trio.move_on_after(self.patience):
                await self._up.wait()
        return await self._live().call(method, *params, timeout=timeout)

    def stream(self, method: str, *params: Any) -> ItemStream:
        """As `Client.stream`; the stream ends in `Unavailable` when the connection is lost."""
        return self._live().stream(method, *params)

    def _live(self) -> Client:
        if self._client is None:
            raise Unavailable(f"nobody answers at {self.path}")
        return self._client

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a connection until cancelled; `started` at once, connected or not."""
        task_status.started()
        pause = FIRST_PAUSE
        while True:
            try:
                await self._once()
                pause = FIRST_PAUSE
            except Unavailable:
                pause = min(2 * pause, LONGEST_PAUSE)
            with trio.move_on_after(pause):
                await self._hurry.wait()
                pause = FIRST_PAUSE
            self._hurry = trio.Event()

    async def _once(self) -> None:
        stream = await _dial(self.path, CONNECT_SECONDS)
        self._client = Client(stream)
        self._up.set()
        try:
            async with stream:
                await self._client.run()
        finally:
            self._client = None
            self._up = trio.Event()
