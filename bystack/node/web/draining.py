"""Lets an answer go before its request has been read to the end.

Hypercorn hands body parts to the application through a small queue, and tells it of the end of the
exchange through the same queue: an application that answers early (refused, too large) and reads no
more would leave both waiting for each other. Here the rest is thrown away until the exchange ends.
"""

from __future__ import annotations

import trio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Draining:
    """An ASGI application around another that may answer early."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one exchange."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        async with trio.open_nursery() as nursery:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.body" and not message.get("more_body", False):
                    nursery.start_soon(_drain, receive)
                await send(message)

            await self._app(scope, receive, sending)
            nursery.cancel_scope.cancel()


async def _drain(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
