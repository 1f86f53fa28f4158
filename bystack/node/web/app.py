"""The routes: JSON-RPC on the processes' paths, the dashboard's files at `/`, and for machines
`/node.json`, `/openrpc.json`, `/health`, `/ready`, `/metrics`.

Each request passes host, origin, credential, number and size in this order, cheapest first.
HTTP states follow Bitcoin Core: 1.0 errors are 500 (404 for an unknown method), 2.0 errors 200; a
process that is down is 503.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog
import trio
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from bystack.node import rpc
from bystack.node.config import Rpc
from bystack.node.ipc import RemoteError, Unavailable
from bystack.node.web import access, forward, public, showing
from bystack.node.web.bodies import READ_SECONDS, BodyTooLarge, read_body
from bystack.node.web.conversing import Conversation, Said, written
from bystack.node.web.draining import Draining
from bystack.node.web.measuring import Measured
from bystack.node.web.rates import Rates
from bystack.node.web.rooms import Calls
from bystack.node.web.sockets import Sockets, token_of
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

    def ready(self) -> bool:
        """Every process runs."""

    def status(self) -> dict[str, Any]:
        """The network, and `processes`, each with its `role`, `name`, `state` and `restarts`."""

    async def metrics(self) -> bytes:
        """Prometheus's text format."""


@dataclass
class Door:
    """The rules of admission: the cookie's credential first, then those of the tokens."""

    config: Rpc
    credentials: tuple[access.Credential, ...]

    def renew(self, config: Rpc, tokens: tuple[access.Credential, ...]) -> None:
        """Admit by these from the next request on; the cookie stays what it is."""
        self.config, self.credentials = config, (*self.credentials[:1], *tokens)


class _Refused(Exception):
    """The request ends here, with an HTTP status and a sentence."""

    def __init__(self, status: int, reason: str, retry_after: int = 0) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


class Page:
    """The node's HTTP endpoints as methods."""

    def __init__(self, node: Node, door: Door) -> None:
        self._node = node
        self._door = door
        self._reading = trio.CapacityLimiter(door.config.concurrency)
        config = door.config
        self._forwarder = forward.Forwarder(node, config.concurrency, config.seconds)
        self._sockets = Sockets(node, config.subscribers)
        self._rates = Rates(config.rate, trio.current_time)
        self._held = 0
        self._measured = Measured()
        self._shown = showing.shown_files()

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
                self._check_place(request)
                response = await endpoint(request)
            except _Refused as refused:
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
            self._check_place(socket)
            caller = self._caller(socket)
            if self._sockets.full:
                raise _Refused(503, "too many subscribers; see [rpc] subscribers")
        except _Refused as refused:
            return await socket.send_denial_response(_refusal(refused))
        await self._sockets.serve(socket, partial(self._within_rate, caller))

    def _within_rate(self, caller: access.Credential) -> bool:
        try:
            self._admit(caller, 1)
        except _Refused:
            return False
        return True

    def _check_place(self, request: HTTPConnection) -> None:
        host = request.headers.get("host", "")
        config = self._door.config
        if not access.accepts_host(host, config.listen, config.hosts):
            raise _Refused(403, "this Host is not accepted; see [rpc] hosts")
        if not access.accepts_origin(request.headers.get("origin"), host):
            raise _Refused(403, "this Origin is not accepted")

    async def watch(self) -> None:
        """Find the processes that do not answer any more, until cancelled."""
        await self._forwarder.watch()

    def _caller(self, request: HTTPConnection) -> access.Credential:
        header, held = request.headers.get("authorization", ""), self._door.credentials
        caller = access.caller_of(header, held)
        if caller is None and isinstance(request, WebSocket):
            caller = access.presented(None, token_of(request), held)
        # A secret that is wrong is refused even of an open node: its owner should hear of it.
        silent = not header and not (isinstance(request, WebSocket) and token_of(request))
        if caller is None and silent and self._door.config.dashboard == "open":
            return public.ANYBODY
        if caller is None:
            raise _Refused(401, "give the cookie (user __cookie__) or a token")
        return caller

    def _known(self, request: HTTPConnection) -> access.Credential:
        """The caller, who is not just anybody."""
        if (caller := self._caller(request)) is public.ANYBODY:
            raise _Refused(401, "give the cookie (user __cookie__) or a token")
        return caller

    def _admit(self, caller: access.Credential, calls: int) -> None:
        """Count calls against the caller's rate; the cookie is its operator's and has none."""
        if caller.user == access.COOKIE_USER:
            return
        if wait := self._rates.wait(caller.user, calls):
            raise _Refused(429, "too many calls a second; see [rpc] rate", math.ceil(wait))

    def _place(self, path: str) -> None:
        _, rest = forward.wallet_named(path)
        if f"/{rest.strip('/')}".rstrip("/") not in self._node.paths():
            raise _Refused(404, f"nobody answers at {path}")

    async def health(self, request: Request) -> Response:
        """200 while the supervisor lives."""
        return PlainTextResponse("alive\n")

    async def ready(self, request: Request) -> Response:
        """200 when every process runs, else 503."""
        ready = self._node.ready()
        return PlainTextResponse("ready\n" if ready else "not ready\n", 200 if ready else 503)

    async def show(self, request: Request) -> Response:
        """A file of the dashboard, which needs no credential: it holds no secret."""
        file = self._shown.get(request.path_params.get("path", showing.INDEX))
        if file is None or self._door.config.dashboard == "off":
            raise _Refused(404, "there is no such page")
        return showing.served(file)

    async def tell(self, request: Request) -> Response:
        """Which chains this node follows and how its processes stand; needs any credential."""
        caller = self._caller(request)
        self._admit(caller, 1)
        roles = public.ROLES if caller is public.ANYBODY else None
        return _json(_told(self._node.status(), caller.scope, roles), 200)

    async def metrics(self, request: Request) -> Response:
        """Prometheus's text format; needs a credential."""
        self._known(request)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        own = self._measured.exposition(self._sockets.open)
        return Response(await self._node.metrics() + own, headers={"content-type": kind})

    async def describe(self, request: Request) -> Response:
        """The OpenRPC document of a path; needs a credential."""
        caller = self._known(request)
        self._admit(caller, 1)
        path = request.url.path.removesuffix("openrpc.json")
        self._place(path)
        try:
            document = await self._forwarder.document(path, caller.scope)
            return _json(document, 200)
        except (Unavailable, forward.Unknown, RemoteError) as error:
            raise _Refused(503, str(error)) from None

    async def answer(self, request: Request) -> Response:
        """JSON-RPC on the path of a process."""
        caller, path = self._caller(request), request.url.path
        self._place(path)
        if self._reading.statistics().tasks_waiting >= QUEUE or self._held > MAX_HELD:
            raise _Refused(503, "too many requests are waiting")
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
            raise _Refused(413, "the body is too large; see [rpc] max_body_kb") from None
        except trio.TooSlowError:
            raise _Refused(408, "the body did not arrive in time") from None

    async def _converse(self, body: bytes, path: str, caller: access.Credential) -> Response:
        try:
            requests, batch = rpc.parse(body)
        except RemoteError as error:
            return _json(rpc.failure(None, error), 400)
        self._admit(caller, len(requests))
        if caller is public.ANYBODY and (method := public.refused(path, requests)):
            raise _Refused(403, f"{method} needs a credential: the cookie or a token")
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


def _refusal(refused: _Refused) -> Response:
    response = PlainTextResponse(f"{refused.reason}\n", refused.status)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="bystack"'
    if refused.retry_after:
        response.headers["Retry-After"] = str(refused.retry_after)
    # A refused body is not read: the connection cannot be used again.
    response.headers["Connection"] = "close"
    return response
