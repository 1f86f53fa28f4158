"""The WebSocket `/ws`: who may connect, one task that reads, one that writes.

The credential comes as for RPC, or, from a browser, which can set no header, as a subprotocol:
`new WebSocket(url, ["bystack", "token.SECRET"])`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio
from starlette.websockets import WebSocket, WebSocketDisconnect

from bystack.node.web.subscribing import Processes, Subscriber, TooSlow

PROTOCOL: Final = "bystack"
TOKEN: Final = "token."
TRY_AGAIN_LATER: Final = 1013
POLICY_VIOLATION: Final = 1008
FAREWELL_SECONDS: Final = 5.0


def token_of(socket: WebSocket) -> str:
    """The secret that stands among the subprotocols, or nothing."""
    given = (one for one in socket.scope.get("subprotocols", ()) if one.startswith(TOKEN))
    return next(given, "").removeprefix(TOKEN)


class Sockets:
    """The connections to `/ws`, `most()` at one time."""

    def __init__(self, processes: Processes, most: Callable[[], int]) -> None:
        self._processes, self._most = processes, most
        self.open = 0

    @property
    def full(self) -> bool:
        """No more are taken."""
        return self.open >= self._most()

    async def serve(self, socket: WebSocket, admit: Callable[[], bool]) -> None:
        """Serve an admitted connection to its end; `admit` counts each request it makes."""
        offered = socket.scope.get("subprotocols", ())
        self.open += 1
        try:
            await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
            await self._converse(socket, admit)
        except WebSocketDisconnect:
            return
        finally:
            self.open -= 1

    async def _converse(self, socket: WebSocket, admit: Callable[[], bool]) -> None:
        farewell: tuple[int, str] | None = None
        try:
            async with trio.open_nursery() as nursery:
                reader = Subscriber(self._processes, nursery)
                nursery.start_soon(_write, socket, reader)
                farewell = await _read(socket, reader, admit)
                nursery.cancel_scope.cancel()
        except* TooSlow:
            farewell = TRY_AGAIN_LATER, reader.farewell
        except* WebSocketDisconnect:
            farewell = None
        if farewell is not None:
            with trio.move_on_after(FAREWELL_SECONDS):
                await socket.close(*farewell)


async def _read(
    socket: WebSocket, reader: Subscriber, admit: Callable[[], bool]
) -> tuple[int, str]:
    """Hear the client until it leaves (raises `WebSocketDisconnect`) or must: then why."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        if message.get("text") is None:
            return POLICY_VIOLATION, "messages are text"
        if not admit():
            return POLICY_VIOLATION, "too many requests a second; see [rpc] rate"
        await reader.hear(message["text"])


async def _write(socket: WebSocket, reader: Subscriber) -> None:
    async for message in reader.messages:
        await socket.send_text(message.data.decode())
        message.sent()
