"""A WebSocket client of a few lines: wsproto over one trio stream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)


class Rejected(Exception):
    """The server refused the connection: its HTTP status."""


class Closed(Exception):
    """The server closed: code and reason."""


class Reader:
    """A connection that is open."""

    def __init__(self, stream: trio.abc.Stream, address: str) -> None:
        self.stream, self._address = stream, address
        self._ws, self._text = WSConnection(ConnectionType.CLIENT), ""
        self._events: list[Any] = []
        self._given = 0
        self.protocol: str | None = None

    async def open(self, protocols: list[str], headers: list[tuple[bytes, bytes]]) -> None:
        request = Request(self._address, "/ws", subprotocols=protocols, extra_headers=headers)
        await self.stream.send_all(self._ws.send(request))
        while True:
            match await self._event():
                case AcceptConnection(subprotocol=name):
                    self.protocol = name
                    return
                case RejectConnection(status_code=status) as event:
                    raise Rejected(status, event.headers)

    async def _event(self) -> Any:
        while not self._events:
            data = await self.stream.receive_some(65536)
            self._ws.receive_data(bytes(data) or None)
            self._events += self._ws.events()
        return self._events.pop(0)

    async def send(self, text: str) -> None:
        await self.stream.send_all(self._ws.send(TextMessage(text)))

    async def ask(self, method: str, **params: Any) -> Any:
        """Send a request; its answer, whatever is told before it is lost."""
        self._given += 1
        request = {"jsonrpc": "2.0", "id": self._given, "method": method, "params": params}
        await self.send(json.dumps(request))
        while True:
            message = await self.message()
            if message.get("id") == self._given:
                return message.get("result", message.get("error"))

    async def message(self) -> Any:
        """The next message. Raises `Closed`."""
        while True:
            match await self._event():
                case TextMessage(data=data, message_finished=whole):
                    self._text += data
                    if whole:
                        text, self._text = self._text, ""
                        return json.loads(text)
                case CloseConnection(code=code, reason=reason):
                    raise Closed(int(code), reason)
                case Ping() as ping:
                    await self.stream.send_all(self._ws.send(ping.response()))
                case RejectData():
                    continue

    async def told(self) -> Any:
        """What the next notification tells."""
        message = await self.message()
        return message["params"] | {"method": message["method"]}


@asynccontextmanager
async def connected(
    address: str, secret: str = "", *, protocols: list[str] | None = None, **headers: str
) -> AsyncIterator[Reader]:
    """A reader of the node at `host:port`. Raises `Rejected`."""
    host, _, port = address.rpartition(":")
    given = [(b"Authorization", f"Bearer {secret}".encode())] if secret else []
    given += [(name.encode(), value.encode()) for name, value in headers.items()]
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        reader = Reader(stream, address)
        await reader.open(protocols or [], given)
        yield reader
