"""Several calls in one message between processes: a batch costs a frame, not a frame a call.

They are made one after the other, in the order of the batch, as Bitcoin Core does. An answer is the
result as JSON bytes, which nobody reads again on the way out, or `[code, message, data]`. Where the
answers grow long the last ones are left out, and their calls are not made: ask again for those.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, Final

import msgspec
import trio

from bystack.node.ipc.errors import INTERNAL, RemoteError
from bystack.node.ipc.server import by_value
from bystack.node.ipc.trace import current_trace

TOGETHER: Final = 100
ENOUGH: Final = 8 * 1024 * 1024
MOST: Final = 24 * 1024 * 1024
SLICE: Final = 0.005
"""Seconds after which others have their turn."""

Answer = bytes | list[Any]
Call = Callable[[str, Any, str], Awaitable[Any]]


async def answers(call: Call, asked: Sequence[Any], scope: str) -> list[Answer]:
    """The answers to `[method, params]` each, the first of them at least."""
    found: list[Answer] = []
    size, begun = 0, perf_counter()
    for name, given in asked:
        one = await _answer(call, str(name), given, scope)
        found.append(one)
        size += len(one) if isinstance(one, bytes) else 0
        if size > ENOUGH:
            break
        if perf_counter() - begun > SLICE:
            await trio.lowlevel.checkpoint()
            begun = perf_counter()
    return found


async def _answer(call: Call, name: str, given: Any, scope: str) -> Answer:
    try:
        return encoded(await call(name, given, scope))
    # Out of memory, what runs on is not sound: the process ends and is started again.
    except MemoryError:
        raise
    # The boundary of a request: whatever a method raises ends this request only.
    except Exception as error:
        fault = by_value(error, name, current_trace())
        return [fault.code, fault.message, fault.data]


def encoded(value: Any) -> bytes:
    """A result as JSON. Raises `RemoteError` (-32603) for one that is none, or too long to send."""
    try:
        data = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise RemoteError(INTERNAL, "the result is no JSON value") from None
    if len(data) > MOST:
        raise RemoteError(INTERNAL, f"the result of {len(data)} bytes is too large")
    return data
