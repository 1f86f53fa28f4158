"""Burns wait in one queue per tier; the chain's own transition forms batches from their heads.

A queue is a run of numbered slots. New requests join at the tail; requests that come back (their
seq was spent otherwise, or the guard vetoed) join at the head, so nobody is overtaken twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from bystack.primitives.errors import Misuse
from bystack.sidechain.records import Request, request_key
from bystack.sidechain.state import SystemState, state_key

# Slots start here, so that there is room before the first for requests that come back.
_ORIGIN = 2**40


def _ends(state: SystemState, tier: int) -> tuple[int, int]:
    head = state.number(state_key("queue/head", tier)) or _ORIGIN
    tail = state.number(state_key("queue/tail", tier)) or _ORIGIN
    return head, tail


def _slot(tier: int, number: int) -> bytes:
    return state_key("queue/slot", tier, number)


def join(state: SystemState, tier: int, id: bytes) -> None:
    """Put a new request at the end of its tier's queue."""
    _, tail = _ends(state, tier)
    state.put(_slot(tier, tail), id)
    state.write(state_key("queue/tail", tier), tail + 1)


def rejoin(state: SystemState, tier: int, ids: tuple[bytes, ...]) -> None:
    """Put requests back at the head of the queue, in their old order."""
    head, _ = _ends(state, tier)
    for id in reversed(ids):
        head -= 1
        state.put(_slot(tier, head), id)
    state.write(state_key("queue/head", tier), head)


def leave(state: SystemState, tier: int, id: bytes) -> None:
    """Take one request out wherever it stands (a refund); those before it move up.

    What stands behind it is not touched: near the head, where it mostly is, this is cheap.
    Raises `Misuse` for one that does not wait here.
    """
    head, tail = _ends(state, tier)
    before: list[bytes | None] = [None]
    for number in range(head, tail):
        other = state.get(_slot(tier, number))
        if other == id:
            break
        before.append(other)
    else:
        raise Misuse("a request leaves a queue that it does not stand in")
    for number, other in enumerate(before, head):
        state.put(_slot(tier, number), other)
    state.write(state_key("queue/head", tier), head + 1)


def advance(state: SystemState, tier: int, count: int) -> None:
    """Take `count` requests from the head."""
    head, _ = _ends(state, tier)
    for number in range(head, head + count):
        state.put(_slot(tier, number), None)
    state.write(state_key("queue/head", tier), head + count)


def waiting(state: SystemState, tier: int, most: int) -> Iterator[tuple[bytes, Request]]:
    """The requests at the head, first come first, at most `most`."""
    head, tail = _ends(state, tier)
    for number in range(head, min(tail, head + most)):
        id = state.get(_slot(tier, number))
        request = state.read(Request, request_key(id)) if id else None
        if id and request:
            yield id, request


def length(state: SystemState, tier: int) -> int:
    """How many requests wait in a tier's queue."""
    head, tail = _ends(state, tier)
    return tail - head
