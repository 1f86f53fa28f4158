"""Serves the page: hypercorn's protocol on sockets, limits and a fault border of our own.

Left to itself hypercorn lets an error in one connection (malformed bytes suffice) end the server,
takes any number of connections, keeps each for its idle time after the client has gone, and closes
it after 1,000 requests. So the listening is done here, and its `TCPServer` answers one connection
at a time inside the border.
"""

from __future__ import annotations

import logging
import socket
from functools import partial
from typing import Any

import structlog
import trio
from hypercorn.config import Config as ServerConfig
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from bystack.node.web.admitting import Door
from bystack.node.web.app import Node, Page
from bystack.node.web.sealing import Sealing, tls_context

MANY = 2**31
MAX_CONNECTIONS = 256
BACKLOG = 100
MAX_MESSAGE = 64 * 1024
PING_SECONDS = 20.0
PIECE = 64 * 1024
WRITE_SECONDS = 60.0
"""How long a client may take for each piece of an answer."""

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]

log = structlog.get_logger("web")


def server_config() -> ServerConfig:
    """Hypercorn's settings: HTTP/1, short time-outs, small headers."""
    config = ServerConfig()
    config.alpn_protocols = ["http/1.1"]
    config.keep_alive_max_requests = MANY
    config.keep_alive_timeout = 60
    # Idle connections and half-sent headers end by the keep-alive time-out, bodies by `bodies`; a
    # read time-out would also cut a long request off while its process still works on it.
    config.read_timeout = None
    config.h2_max_concurrent_streams = 16
    config.h11_max_incomplete_size = 16 * 1024
    config.max_app_queue_size = 4
    config.websocket_max_message_size = MAX_MESSAGE
    config.websocket_ping_interval = PING_SECONDS
    config.include_server_header = False
    config.errorlog = logging.getLogger("hypercorn")
    config.accesslog = None
    return config


def bind(address: str) -> socket.socket:
    """A listening socket at `host:port`; raises OSError when it cannot be had."""
    host, _, port = address.rpartition(":")
    info = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    sock = socket.socket(info[0], socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(info[4])
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from None
    sock.listen(BACKLOG)
    return sock


def _shown(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def serve(
    node: Node, door: Door, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve until cancelled; `started` with the bound `host:port`. Raises OSError at once."""
    config = server_config()
    door.tls = tls_context(door.config)
    sock = bind(door.config.listen)
    plain = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    listener = plain if door.tls is None else Sealing(plain, door)
    page = Page(node, door)
    connections = _Connections(page, config)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(page.watch)
        task_status.started(_shown(sock))
        await trio.serve_listeners(connections.answer, [listener])


class _Connection(TCPServer):
    """Hypercorn's connection, gone once its client is: as it comes it lingers until idle."""

    def __init__(self, app: Any, config: ServerConfig, context: WorkerContext, *rest: Any) -> None:
        super().__init__(app, config, context, *rest)
        self._left = trio.Event()

    async def protocol_send(self, event: Event) -> None:
        """As its own, but a client that takes nothing any more is not waited for without end."""
        if not isinstance(event, RawData):
            return await super().protocol_send(event)
        async with self.send_lock:
            try:
                for start in range(0, len(event.data), PIECE):
                    await self._send_piece(event.data[start : start + PIECE])
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await self.protocol.handle(Closed())

    async def _send_piece(self, piece: bytes) -> None:
        # Shielded, so that a frame is never cut where its application is cancelled.
        with trio.move_on_after(WRITE_SECONDS, shield=True) as scope:
            await self.stream.send_all(piece)
        if scope.cancelled_caught:
            await trio.aclose_forcefully(self.stream)
            raise trio.ClosedResourceError

    async def _read_data(self) -> None:
        try:
            await super()._read_data()
        finally:
            self._left.set()

    async def _idle_timeout(self) -> None:
        with trio.move_on_after(self.config.keep_alive_timeout):
            await self._left.wait()
        with trio.CancelScope(shield=True):
            await self._initiate_server_close()


class _Connections:
    """The open connections, each inside its own fault border."""

    def __init__(self, page: Page, config: ServerConfig) -> None:
        app = wrap_app(page.app(), config.wsgi_max_body_size, "asgi")  # type: ignore[arg-type]
        self._server = partial(_Connection, app, config, WorkerContext(None), ConnectionState({}))
        self._open = 0

    async def answer(self, stream: Stream) -> None:
        """Serve one connection to its end."""
        if self._open >= MAX_CONNECTIONS:
            await trio.aclose_forcefully(stream)
            return
        self._open += 1
        try:
            await self._server(stream)
        # The boundary of a client: malformed bytes end its connection and nothing else.
        except* Exception as group:
            log.warning("connection ended by an error", error=repr(group.exceptions[0]))
        finally:
            self._open -= 1
