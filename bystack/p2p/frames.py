"""How messages are cut out of a byte stream: u32 length, then MessagePack `[kind, payload]`.

The length is judged against the kind's cap as soon as the kind can be read (within seven bytes),
and against the largest cap before that, so a hostile length never makes us hold more than a frame
we would accept. Kinds 0-15 are the protocol's own, 16-255 the application's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bystack.primitives.codec import U8, Wire, decode, encode
from bystack.primitives.errors import Invalid, Misuse

PREFIX: Final = 4
OVERHEAD: Final = 8
"""Most bytes that array, kind and payload header add to a payload: 1 + 2 + 5."""
FIRST_APPLICATION_KIND: Final = 16
LAST_KIND: Final = 255

_ARRAY_OF_TWO: Final = 0x92
_UINT8: Final = 0xCC


class UnknownKind(Invalid):
    """No message of this kind is accepted here."""


class FrameTooLong(Invalid):
    """The frame is longer than its kind allows."""


class FrameMalformed(Invalid):
    """The bytes after a frame's length do not begin a frame."""


class Frame(Wire):
    """One message: a small integer kind and opaque bytes."""

    kind: U8
    payload: bytes


def frame(kind: int, payload: bytes) -> bytes:
    """The bytes of one frame, length first."""
    if not 0 <= kind <= LAST_KIND:
        raise Misuse(f"a frame kind is 0 to {LAST_KIND}, not {kind}")
    body = encode(Frame(kind, payload))
    return len(body).to_bytes(PREFIX, "big") + body


class FrameReader:
    """Cuts frames out of received bytes, whatever the pieces they come in."""

    def __init__(self, caps: Mapping[int, int]) -> None:
        self._buffer = bytearray()
        self.accept(caps)

    def accept(self, caps: Mapping[int, int]) -> None:
        """From the next frame on, accept these kinds, with these largest payloads in bytes."""
        self._caps = dict(caps)
        self._longest = max(self._caps.values(), default=0) + OVERHEAD
        self._checked = False

    @property
    def pending(self) -> int:
        """How many received bytes are not yet part of a delivered frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take received bytes; the caller reads all frames before feeding more."""
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """The next whole frame, or None until more bytes come.

        Raises `UnknownKind`, `FrameTooLong`, `FrameMalformed` at the earliest byte that shows it,
        and the codec's errors; the stream cannot be read further after any of them.
        """
        length = self._length()
        if length is None or len(self._buffer) < PREFIX + length:
            return None
        body = bytes(self._buffer[PREFIX : PREFIX + length])
        del self._buffer[: PREFIX + length]
        self._checked = False
        whole = decode(Frame, body, length)
        if len(whole.payload) > self._caps.get(whole.kind, 0):
            raise FrameTooLong(kind=whole.kind, length=length, limit=self._caps.get(whole.kind, 0))
        return whole

    def _length(self) -> int | None:
        if len(self._buffer) < PREFIX:
            return None
        length = int.from_bytes(self._buffer[:PREFIX], "big")
        if not self._checked:
            self._check(length)
        return length

    def _check(self, length: int) -> None:
        if length > self._longest:
            raise FrameTooLong(length=length, limit=self._longest)
        kind = _kind(bytes(self._buffer[PREFIX : PREFIX + 3]), length)
        if kind is None:
            return
        if kind not in self._caps:
            raise UnknownKind(kind=kind)
        if length > self._caps[kind] + OVERHEAD:
            raise FrameTooLong(kind=kind, length=length, limit=self._caps[kind] + OVERHEAD)
        self._checked = True


def _kind(head: bytes, length: int) -> int | None:
    """The kind a frame of `length` bytes begins with; None until enough of `head` is there."""
    if length < 3:
        raise FrameMalformed(length=length)
    if head and head[0] != _ARRAY_OF_TWO:
        raise FrameMalformed(byte=head[0])
    if len(head) < 2 or (head[1] == _UINT8 and len(head) < 3):
        return None
    if head[1] < 0x80:
        return head[1]
    if head[1] == _UINT8:
        return head[2]
    raise FrameMalformed(byte=head[1])
