"""The routes: JSON-RPC on the processes' paths, the dashboard's files at `/`, and for machines
`/node.json`, `/openrpc.json`, `/health`, `/ready`, `/metrics`.

Each request passes host, origin, credential, number and size in this order, cheapest first.
HTTP states follow Bitcoin Core: 1.0 errors are 500 (404 for an unknown method), 2.0 errors 200; a
process that is down is 503.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from bystack.node import rpc
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.web import access, forward, public, showing
from bystack.node.web.admitting import Door, Gate, Refused
from bystack.node.web.bodies import READ_SECONDS, BodyTooLarge, read_body
from bystack.node.web.conversing import Conversation, Said, written
from bystack.node.web.draining import Draining
from bystack.node.web.measuring import Measured
from bystack.node.web.rooms import Calls
from bystack.node.web.sockets import Sockets
from bystack.node.web.subscribing import Streams

QUEUE = 256
MAX_HELD = 128 * 1024 * 1024

log = structlog.get_logger("web")


class Link(Calls, Streams, Protocol):
    """The client of a process."""


class Node(Protocol):
    """What the page needs to know of the node."""

    def client(self, label: str) -> Link | None:
        """The client of the process `label`; None for one that is not configured."""

    def paths(self) -> tuple[str, ...]:
        """The paths somebody answers on."""

    def amiss(self) -> tuple[str, ...]:
        """Why it should not be asked now, a sentence each."""

    def status(self) -> dict[str, Any]:
        """The network, and `processes`, each with its `role`, `name`, `state` and `restarts`."""

    async def metrics(self) -> bytes:
        """Prometheus's text format."""


class Page:
    """The node's HTTP endpoints as methods."""

    def __init__(self, node: Node, door: Door) -> None:
        self._node = node
        self._door = door
        self._reading = trio.CapacityLimiter(door.config.concurrency)
        self._forwarder = forward.Forwarder(node, self._limits)
        self._sockets = Sockets(node, lambda: door.config.subscribers)
        self._held = 0
        self._measured = Measured()
        self._gate = Gate(door, self._measured.guessed)
        self._shown = showing.shown_files()

    def _limits(self) -> forward.Limits:
        return forward.Limits(self._door.config.concurrency, self._door.config.seconds)

    def app(self) -> Draining:
        """The application for an ASGI server."""
        post, get = ["POST"], ["GET"]
        routes = Starlette(
            routes=[
                Route("/health", self._guarded(self.health), methods=get),
                Route("/ready", self._guarded(self.ready), methods=get),
                Route("/metrics", self._guarded(self.metrics), methods=get),
                Route("/", self._guarded(self.show), methods=get),
                Route("/dashboard/{path:path}", self._guarded(self.show), methods=get),
                Route("/node.json", self._guarded(self.tell), methods=get),
                Route("/openrpc.json", self._guarded(self.describe), methods=get),
                Route("/{path:path}/openrpc.json", self._guarded(self.describe), methods=get),
                Route("/{path:path}", self._guarded(self.answer), methods=post),
                WebSocketRoute("/ws", self.subscribe),
            ]
        )
        return Draining(routes)

    def _guarded(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            began = trio.current_time()
            try:
                self._gate.check_place(request)
                response = await endpoint(request)
            except Refused as refused:
                response = _refusal(refused)
            taken = trio.current_time() - began
            self._measured.answered(endpoint.__name__, response.status_code, taken)
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Cache-Control"] = "no-store"
            return response

        return guarded

    async def subscribe(self, socket: WebSocket) -> None:
        """The WebSocket `/ws` (see `sockets`); any credential may subscribe."""
        try:
            self._gate.check_place(socket)
            caller = self._gate.caller(socket)
            if self._sockets.full:
                raise Refused(503, "too many subscribers; see [rpc] subscribers")
        except Refused as refused:
            return await socket.send_denial_response(_refusal(refused))
        await self._sockets.serve(socket, partial(self._gate.allows, caller))

    async def watch(self) -> None:
        """Find the processes that do not answer any more, until cancelled."""
        await self._forwarder.watch()

    def _place(self, path: str) -> None:
        _, rest = forward.wallet_named(path)
        if f"/{rest.strip('/')}".rstrip("/") not in self._node.paths():
            raise Refused(404, f"nobody answers at {path}")

    async def health(self, request: Request) -> Response:
        """200 while the supervisor lives."""
        return PlainTextResponse("alive\n")

    async def ready(self, request: Request) -> Response:
        """200 when nothing is amiss, else 503, with the reasons for who gives a credential."""
        amiss = self._node.amiss()
        if not amiss:
            return PlainTextResponse("ready\n")
        told: tuple[str, ...] = ()
        if "authorization" in request.headers and self._gate.known(request):
            told = amiss
        return PlainTextResponse("\n".join(("not ready", *told)) + "\n", 503)

    async def show(self, request: Request) -> Response:
        """A file of the dashboard, which needs no credential: it holds no secret."""
        file = self._shown.get(request.path_params.get("path", showing.INDEX))
        if file is None or self._door.config.dashboard == "off":
            raise Refused(404, "there is no such page")
        return showing.served(file)

    async def tell(self, request: Request) -> Response:
        """Which chains this node follows and how its processes stand; needs any credential."""
        caller = self._gate.caller(request)
        self._gate.count(caller, 1)
        roles = public.ROLES if caller is public.ANYBODY else None
        return _json(_told(self._node.status(), caller.scope, roles), 200)

    async def metrics(self, request: Request) -> Response:
        """Prometheus's text format; needs a credential."""
        self._gate.known(request)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        own = self._measured.exposition(self._sockets.open)
        return Response(await self._node.metrics() + own, headers={"content-type": kind})

    async def describe(self, request: Request) -> Response:
        """The OpenRPC document of a path; needs a credential."""
        caller = self._gate.known(request)
        self._gate.count(caller, 1)
        path = request.url.path.removesuffix("openrpc.json")
        self._place(path)
        try:
            document = await self._forwarder.document(path, caller.scope)
            return _json(document, 200)
        except (Unavailable, forward.Unknown, RemoteError) as error:
            raise Refused(503, str(error)) from None

    async def answer(self, request: Request) -> Response:
        """JSON-RPC on the path of a process."""
        caller, path = self._gate.caller(request), request.url.path
        self._place(path)
        if self._reading.statistics().tasks_waiting >= QUEUE or self._held > MAX_HELD:
            raise Refused(503, "too many requests are waiting")
        if self._reading.total_tokens != (most := self._door.config.concurrency):
            self._reading.total_tokens = most
        async with self._reading:
            body = await self._read(request)
        self._held += len(body)
        try:
            return await self._converse(body, path, caller)
        finally:
            self._held -= len(body)

    async def _read(self, request: Request) -> bytes:
        try:
            with trio.fail_after(READ_SECONDS):
                return await read_body(request, self._door.config.max_body_kb * 1024)
        except BodyTooLarge:
            raise Refused(413, "the body is too large; see [rpc] max_body_kb") from None
        except trio.TooSlowError:
            raise Refused(408, "the body did not arrive in time") from None

    async def _converse(self, body: bytes, path: str, caller: access.Credential) -> Response:
        try:
            requests, batch = rpc.parse(body)
        except RemoteError as error:
            return _json(rpc.failure(None, error), 400)
        self._gate.count(caller, len(requests))
        if caller is public.ANYBODY and (method := public.refused(path, requests)):
            raise Refused(403, f"{method} needs a credential: the cookie or a token")
        talk = Conversation(self._forwarder, path, caller.scope)
        said = await (talk.batch(requests) if batch else _alone(talk.single(requests[0])))
        self._measured.called(said)
        data, status = written(said, batch=batch)
        return Response(data, status, media_type="application/json" if data else None)


def _told(status: dict[str, Any], scope: str, roles: frozenset[str] | None) -> dict[str, Any]:
    processes = [
        {name: row[name] for name in ("role", "name", "state", "restarts")}
        for row in status["processes"]
        if roles is None or row["role"] in roles
    ]
    return {"network": status["network"], "scope": scope, "processes": processes}


async def _alone(said: Awaitable[Said]) -> list[Said]:
    return [await said]


def _json(value: Any, status: int) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _refusal(refused: Refused) -> Response:
    response = PlainTextResponse(f"{refused.reason}\n", refused.status)
    if refused.secret:
        response.headers["WWW-Authenticate"] = 'Basic realm="bystack"'
    if refused.retry_after:
        response.headers["Retry-After"] = str(refused.retry_after)
    # A refused body is not read: the connection cannot be used again.
    response.headers["Connection"] = "close"
    return response
