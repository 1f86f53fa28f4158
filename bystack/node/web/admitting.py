"""Who is let in: by host and origin, by credential, and how often.

A request passes these in this order, cheapest first; what it asks for is read after them.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
import trio
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from bystack.node.config import Rpc
from bystack.node.web import access, public
from bystack.node.web.guessing import Guesser, Guesses, guesser
from bystack.node.web.rates import Rates
from bystack.node.web.sockets import token_of

ASK: Final = "give the cookie (user __cookie__) or a token"
WRONG: Final = (
    "wrong credentials: the cookie is another one since each start of bystackd; a token counts "
    "once its line under [rpc.tokens] is read, at a start or SIGHUP"
)

log = structlog.get_logger("web")


@dataclass
class Door:
    """The rules of admission: the cookie's credential first, then those of the tokens. `tls`: what
    the configured certificate makes, for connections to come."""

    config: Rpc
    credentials: tuple[access.Credential, ...]
    tls: ssl.SSLContext | None = None

    def renew(
        self,
        config: Rpc,
        tokens: tuple[access.Credential, ...],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Admit by these from the next request on; the cookie stays what it is."""
        self.config, self.credentials, self.tls = config, (*self.credentials[:1], *tokens), tls


class Refused(Exception):
    """The request ends here, with an HTTP status and a sentence; `secret`: another might do."""

    def __init__(
        self, status: int, reason: str, retry_after: float = 0, *, secret: bool = False
    ) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason
        self.retry_after, self.secret = math.ceil(retry_after), secret


class Gate:
    """Lets requests in by a door's rules; `told` hears of each credential that was refused, as
    `wrong`, or as `barred` where its address had used up its attempts."""

    def __init__(self, door: Door, told: Callable[[str], None]) -> None:
        self._door, self._told = door, told
        self._rates = Rates(lambda: door.config.rate, trio.current_time)
        self._guesses = Guesses(trio.current_time)

    def check_place(self, request: HTTPConnection) -> None:
        """Raise `Refused` (403) for a foreign Host or Origin."""
        host = request.headers.get("host", "")
        config = self._door.config
        if not access.accepts_host(host, config.listen, config.hosts):
            raise Refused(403, "this Host is not accepted; see [rpc] hosts")
        if not access.accepts_origin(request.headers.get("origin"), host):
            raise Refused(403, "this Origin is not accepted")

    def caller(self, request: HTTPConnection) -> access.Credential:
        """Whose credential a request brings; raises `Refused` (401, 429).

        A secret that is wrong is refused even of an open node: its owner should hear of it.
        """
        header, token = request.headers.get("authorization", ""), _subprotocol(request)
        if not header and not token:
            return self._silent()
        who = guesser(request.client.host if request.client else "")
        wait = self._guesses.wait(who)
        if wait and not who.local:
            raise self._barred(wait)
        held = self._door.credentials
        caller = access.caller_of(header, held) or access.presented(None, token, held)
        if caller is None:
            raise self._barred(wait) if wait else self._wrong(who)
        return caller

    def _silent(self) -> access.Credential:
        if self._door.config.dashboard == "open":
            return public.ANYBODY
        raise Refused(401, ASK, secret=True)

    def _barred(self, wait: float) -> Refused:
        self._told("barred")
        return Refused(429, "too many wrong credentials from this address", wait, secret=True)

    def _wrong(self, who: Guesser) -> Refused:
        """Of a wrong credential nothing is written but whence: a slip holds half a secret."""
        self._told("wrong")
        barred = self._guesses.wrong(who)
        log.warning("wrong credentials", address=who.name, barred=barred)
        return Refused(401, WRONG, secret=True)

    def known(self, request: HTTPConnection) -> access.Credential:
        """The caller, who is not just anybody; raises `Refused`."""
        if (caller := self.caller(request)) is public.ANYBODY:
            raise Refused(401, ASK, secret=True)
        return caller

    def count(self, caller: access.Credential, calls: int) -> None:
        """Count calls against the caller's rate; the cookie is its operator's and has none.

        Raises `Refused` (429).
        """
        if caller.user == access.COOKIE_USER:
            return
        if wait := self._rates.wait(caller.user, calls):
            raise Refused(429, "too many calls a second; see [rpc] rate", wait)

    def allows(self, caller: access.Credential) -> bool:
        """One more call is within the caller's rate, and counted."""
        try:
            self.count(caller, 1)
        except Refused:
            return False
        return True


def _subprotocol(request: HTTPConnection) -> str:
    """The secret that a browser's WebSocket brings, or nothing."""
    return token_of(request) if isinstance(request, WebSocket) else ""
