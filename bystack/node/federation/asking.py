"""How a member's RPC reaches its task: a question into the inbox, an answer out of it."""

from __future__ import annotations

from typing import Any

import trio

from bystack.node.federation.events import Ask, Event


class Requests:
    """Asks the member's task and waits for its answer."""

    def __init__(self, inbox: trio.MemorySendChannel[Event]) -> None:
        self._inbox = inbox

    async def ask(self, method: str, *params: Any) -> Any:
        """The member's answer; raises what it raised."""
        send, receive = trio.open_memory_channel[Any](1)
        await self._inbox.send(Ask(method, params, send))
        result = await receive.receive()
        if isinstance(result, Exception):
            raise result
        return result
