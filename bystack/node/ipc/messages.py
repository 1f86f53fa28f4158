"""What travels on a private socket: eight message types, framed by a u32 length.

The cap is checked on the length alone, before anything is allocated; a frame grows only as its
bytes arrive. Values are any MessagePack (both ends are our own processes, under one user).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

MAX_FRAME = 32 * 1024 * 1024
LENGTH = 4
WINDOW = 16

Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Trace = Annotated[str, Meta(max_length=64)]
Method = Annotated[str, Meta(max_length=100)]


class Message(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of the protocol's messages."""


class Call(Message, tag=0, frozen=True):
    """Ask `method` for one result."""

    id: Id
    trace: Trace
    method: Method
    params: list[Any]


class Open(Message, tag=1, frozen=True):
    """Ask `method` for a stream of items; the caller has room for `WINDOW` of them."""

    id: Id
    trace: Trace
    method: Method
    params: list[Any]


class Result(Message, tag=2, frozen=True):
    """The answer to a call."""

    id: Id
    value: Any


class Failure(Message, tag=3, frozen=True):
    """The call or stream ended in an error."""

    id: Id
    code: int
    message: str
    data: dict[str, Any]


class Item(Message, tag=4, frozen=True):
    """The next item of a stream."""

    id: Id
    value: Any


class End(Message, tag=5, frozen=True):
    """The stream has no more items."""

    id: Id


class Credit(Message, tag=6, frozen=True):
    """The caller took `count` items and has room for as many more."""

    id: Id
    count: Annotated[int, Meta(ge=1, le=WINDOW)]


class Cancel(Message, tag=7, frozen=True):
    """The caller has lost interest."""

    id: Id


class Closing(Message, tag=8, frozen=True):
    """The last message of a connection: why it ends."""

    reason: str


ToServer = Call | Open | Credit | Cancel
ToClient = Result | Failure | Item | End | Closing


class BadFrame(Exception):
    """The bytes on the socket are not this protocol; the connection must end."""


_encoder = msgspec.msgpack.Encoder()
to_server = msgspec.msgpack.Decoder(ToServer)
to_client = msgspec.msgpack.Decoder(ToClient)


def frame(message: Message) -> bytes:
    """A message as length and bytes. Raises `BadFrame` above the cap, TypeError if unencodable."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise BadFrame(f"a frame of {len(body)} bytes exceeds {MAX_FRAME}")
    return len(body).to_bytes(LENGTH, "big") + body


def parse(decoder: msgspec.msgpack.Decoder[Any], body: bytes) -> Any:
    """The message in a frame's body; raises `BadFrame` naming what is wrong."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError) as error:
        raise BadFrame(f"not a message: {error}") from None


class Splitter:
    """Cuts a byte stream into frame bodies; holds at most one frame and one chunk."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies completed by `data`. Raises `BadFrame` as soon as a length is too large."""
        self._held += data
        bodies = []
        while (size := self._wanted()) is not None and len(self._held) >= LENGTH + size:
            bodies.append(bytes(self._held[LENGTH : LENGTH + size]))
            del self._held[: LENGTH + size]
        return bodies

    @property
    def empty(self) -> bool:
        """No partial frame is held: the stream may end here."""
        return not self._held

    def _wanted(self) -> int | None:
        if len(self._held) < LENGTH:
            return None
        size = int.from_bytes(self._held[:LENGTH], "big")
        if size > MAX_FRAME:
            raise BadFrame(f"a frame of {size} bytes exceeds {MAX_FRAME}")
        return size
