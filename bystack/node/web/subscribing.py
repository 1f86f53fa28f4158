"""What one connection to `/ws` follows: subscriptions, each fed from its process's stream.

All of them share one bounded queue towards the reader. A reader that takes nothing for `PATIENCE`
is told so and let go, with the height from which to come back; until then nobody waits for it but
its own streams, which stand still where they are. So nothing is ever skipped for a slow one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Final, NamedTuple, Protocol

import msgspec
import trio
from msgspec import Meta, Struct

from bystack.node import rpc
from bystack.node.announce import label_of
from bystack.node.config.tables import Name
from bystack.node.ipc import METHOD_UNKNOWN, RemoteError, Unavailable
from bystack.node.rpc.topics import Start, Topic

QUEUE: Final = 256
PATIENCE: Final = 20.0
MOST: Final = 16
USAGE: Final = "subscribe TOPIC [CHAIN] [HEIGHT], unsubscribe SUBSCRIPTION"


class Subscribe(Struct, forbid_unknown_fields=True):
    """The parameters of `subscribe`: `height` left out begins with what happens next."""

    topic: Topic
    chain: Name = "main"
    height: Start | None = None


class Unsubscribe(Struct, forbid_unknown_fields=True):
    """The parameter of `unsubscribe`."""

    subscription: Annotated[int, Meta(ge=1)]


class Streams(Protocol):
    """What is needed of the client of a process."""

    def stream(self, method: str, *params: Any) -> Any:
        """The items of a stream, which is closed at the end of `async with`."""


class Processes(Protocol):
    """The clients of the node's processes by label; None for one that is not configured."""

    def client(self, label: str) -> Streams | None:
        """The client of the process `label`."""


class TooSlow(Exception):
    """The reader takes nothing any more."""


@dataclass
class _Followed:
    """A subscription: what ends it, and the last height that went to the reader."""

    asked: Subscribe
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    height: int | None = None


class Message(NamedTuple):
    """A message to the reader, and of which subscription's height it tells."""

    data: bytes
    followed: _Followed | None = None
    height: int | None = None

    def sent(self) -> None:
        """The reader has been sent it."""
        if self.followed is not None and self.height is not None:
            self.followed.height = self.height


class Subscriber:
    """One reader. `messages` is what goes to it, in order; `follow` runs in `nursery`."""

    def __init__(self, processes: Processes, nursery: trio.Nursery) -> None:
        self._processes, self._nursery = processes, nursery
        self._followed: dict[int, _Followed] = {}
        self._given = 0
        self._in, self.messages = trio.open_memory_channel[Message](QUEUE)

    async def hear(self, text: str) -> None:
        """Do what a message asks and answer it. Raises `TooSlow`."""
        try:
            requests, batch = rpc.parse(text.encode())
        except (RemoteError, UnicodeEncodeError) as error:
            fault = (
                error if isinstance(error, RemoteError) else RemoteError(rpc.BAD_JSON, "no text")
            )
            return await self._say(rpc.failure(None, fault))
        (first, *_), many = requests, batch
        if many or isinstance(first, RemoteError):
            fault = RemoteError(rpc.BAD_REQUEST, f"one request a message: {USAGE}")
            return await self._say(rpc.failure(None, fault))
        try:
            await self._do(first)
        except RemoteError as error:
            await self._say(rpc.failure(first, error))

    async def _do(self, request: rpc.Request) -> None:
        match request.method:
            case "subscribe":
                await self._subscribe(request, _typed(Subscribe, request.params))
            case "unsubscribe":
                number = _typed(Unsubscribe, request.params).subscription
                followed = self._followed.pop(number, None)
                if followed is not None:
                    followed.scope.cancel()
                await self._say(rpc.success(request, followed is not None))
            case name:
                raise RemoteError(METHOD_UNKNOWN, f"/ws knows no {name}: {USAGE}")

    async def _subscribe(self, request: rpc.Request, asked: Subscribe) -> None:
        label = "mainchain" if asked.chain == "main" else label_of("sidechain", asked.chain)
        client = self._processes.client(label)
        if client is None:
            raise RemoteError(-8, f"this node follows no chain {asked.chain}")
        if len(self._followed) >= MOST:
            raise RemoteError(-8, f"at most {MOST} subscriptions a connection")
        self._given += 1
        number = self._given
        followed = self._followed[number] = _Followed(asked)
        await self._say(rpc.success(request, number))
        self._nursery.start_soon(self._follow, number, followed, client)

    async def _follow(self, number: int, followed: _Followed, client: Streams) -> None:
        """Tell every event until the subscription ends, or say why there are no more."""
        asked = followed.asked
        about = {"subscription": number, "chain": asked.chain, "topic": asked.topic}
        reason, last = "the reader fell too far behind", None
        with followed.scope:
            try:
                async with client.stream("events", asked.topic, asked.height) as items:
                    async for event in items:
                        await self._notify("event", {**about, **event}, followed)
                        last = event.get("height", last)
            except (RemoteError, Unavailable) as error:
                reason = str(error)
            self._followed.pop(number, None)
            await self._notify("ended", {**about, "reason": reason, "height": last})

    async def _notify(
        self, method: str, params: dict[str, Any], followed: _Followed | None = None
    ) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        await self._say(message, followed, params.get("height"))

    async def _say(
        self, said: dict[str, Any], followed: _Followed | None = None, height: int | None = None
    ) -> None:
        message = Message(msgspec.json.encode(said), followed, height)
        with trio.move_on_after(PATIENCE):
            return await self._in.send(message)
        raise TooSlow

    @property
    def farewell(self) -> str:
        """What a reader that was too slow is told: at most 123 bytes (RFC 6455, 5.5)."""
        places = [
            f"{one.asked.chain}/{one.asked.topic} {one.height}"
            for one in self._followed.values()
            if one.height is not None
        ]
        return f"too slow; come back from: {', '.join(places) or 'now'}"[:123]


def _typed(kind: type[Any], params: Any) -> Any:
    """Parameters by name or by position; raises `RemoteError` (-32602)."""
    if isinstance(params, list):
        names = kind.__struct_fields__
        if len(params) > len(names):
            raise RemoteError(rpc.BAD_PARAMS, f"{len(params)} parameters given; {USAGE}")
        params = dict(zip(names, params, strict=False))
    try:
        return msgspec.convert(params, kind)
    except msgspec.ValidationError as error:
        raise RemoteError(rpc.BAD_PARAMS, f"{error}; {USAGE}") from None
