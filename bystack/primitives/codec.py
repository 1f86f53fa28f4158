"""The one encoding of every consensus and wire object.

A `Wire` struct is a MessagePack array of its fields in declared order; unions carry a small
integer tag as the first element. Decoding is strict: bounded length, typed, no surplus field, and
the object must encode to the very bytes received, since msgspec accepts non-minimal integers
(two encodings of one object would give two ids). Amounts and counters are at most 2**63 - 1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Annotated, Any, TypeVar, dataclass_transform

import msgspec
from msgspec import Meta

from bystack.primitives.errors import Invalid

MAX_INT = 2**63 - 1

Bit = Annotated[int, Meta(ge=0, le=1)]
U8 = Annotated[int, Meta(ge=0, le=2**8 - 1)]
U16 = Annotated[int, Meta(ge=0, le=2**16 - 1)]
U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
U63 = Annotated[int, Meta(ge=0, le=MAX_INT)]
Bytes8 = Annotated[bytes, Meta(min_length=8, max_length=8)]
Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Bytes48 = Annotated[bytes, Meta(min_length=48, max_length=48)]
Bytes64 = Annotated[bytes, Meta(min_length=64, max_length=64)]
Bytes96 = Annotated[bytes, Meta(min_length=96, max_length=96)]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Wire(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of every wire type: an immutable array of its fields in declared order.

    A type of which blocks hold thousands may say `gc=False`: a value made only of values that were
    there before is in no cycle, and the collector need not look at it.
    """

    def encoded(self) -> bytes:
        """What `encode` gives. A type that is hashed in parts encodes them apart and keeps hashes:
        decoding, which compares this with what it was given, then hashes as it goes.
        """
        return _encoder.encode(self)


class TooLong(Invalid):
    """The object is longer than its type allows."""


class Malformed(Invalid):
    """The bytes are not an object of the expected type."""


class NotCanonical(Invalid):
    """The bytes are not the one encoding of the object they hold."""


_encoder = msgspec.msgpack.Encoder()


@cache
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def prepare() -> None:
    """Have the library look at every `Wire` type that is loaded: once, before there are threads.

    It looks at a type when that is first decoded, without a lock: two threads that do so together
    end the process (seen with msgspec 0.22). It takes some twenty milliseconds.
    """
    waiting: list[type[Wire]] = [Wire]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        msgspec.msgpack.Decoder(kind)


def encode(value: object) -> bytes:
    """The bytes of a `Wire` value (or a tuple, list, int, bytes or str of such)."""
    return _encoder.encode(value)


def encode_array(elements: Collection[bytes]) -> bytes:
    """The encoding of the array whose elements have these encodings."""
    return b"".join((array_header(len(elements)), *elements))


def array_header(count: int) -> bytes:
    """How an array of so many elements begins: the shortest of MessagePack's three forms."""
    if count < 16:
        return bytes((0x90 | count,))
    return (
        b"\xdc" + count.to_bytes(2, "big") if count < 2**16 else b"\xdd" + count.to_bytes(4, "big")
    )


def decode(kind: type[T], data: bytes, limit: int) -> T:
    """The value of type `kind` that `data` encodes.

    Raises `TooLong` when `data` exceeds `limit` bytes (before anything is allocated), `Malformed`
    when it is not a `kind`, `NotCanonical` when it is another encoding of one.
    """
    if len(data) > limit:
        raise TooLong(length=len(data), limit=limit)
    key: Any = kind  # a class is hashable, which its type does not say
    try:
        value = _decoder(key).decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError) as error:
        raise Malformed(type=getattr(kind, "__name__", str(kind)), reason=str(error)) from None
    if (value.encoded() if isinstance(value, Wire) else _encoder.encode(value)) != data:
        raise NotCanonical(type=getattr(kind, "__name__", str(kind)))
    return value  # type: ignore[no-any-return]


def decoder(kind: type[T], limit: int) -> Callable[[bytes], T]:
    """`decode` for one kind: for what is decoded so often that looking the kind up counts."""
    key: Any = kind
    read, write = _decoder(key).decode, _encoder.encode

    def decode_quickly(data: bytes) -> T:
        if len(data) <= limit:
            try:
                value: T = read(data)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, OverflowError):
                return decode(kind, data, limit)  # fails again, and says how
            if write(value) == data:
                return value
        return decode(kind, data, limit)

    return decode_quickly


def decode_union(kinds: Any, data: bytes, limit: int) -> Any:
    """As `decode`, for a union or annotated type that is no class."""
    return decode(kinds, data, limit)
