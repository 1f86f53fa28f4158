"""Requests of peg-outs as they move from state to state, and the fees kept back for them.

As long as a request is neither paid nor given back, a quorum may still refund it, fees and all, and
who sends its order is repaid out of them: so much of the pool is reserved (`sums.spare_fees`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from bystack.primitives.errors import Invalid
from bystack.sidechain.records import PegoutState, Request, request_key
from bystack.sidechain.stage import Stage
from bystack.sidechain.state import SystemState, state_key
from bystack.sidechain.sums import reserved_key

WAITING: Final = (PegoutState.REQUESTED, PegoutState.BATCHED, PegoutState.PENDING)

_NUMBER = state_key("pegouts")


class RequestUnknown(Invalid):
    """No peg-out has this id."""


def request_of(stage: Stage, id: bytes) -> Request:
    """The request of a peg-out; raises `RequestUnknown`."""
    request = stage.state.read(Request, request_key(id))
    if request is None:
        raise RequestUnknown(id=id)
    return request


def new_number(state: SystemState) -> int:
    """The next request's number, counted from 0; it is used then."""
    number = state.number(_NUMBER)
    state.write(_NUMBER, number + 1)
    return number


def open_request(stage: Stage, id: bytes, request: Request) -> None:
    """Record a new request."""
    stage.state.write(request_key(id), request)
    _reserve(stage.state, request, 1)


def set_state(
    stage: Stage, id: bytes, request: Request, to: PegoutState, **changes: int
) -> Request:
    """Move a request to another state."""
    after = msgspec.structs.replace(request, state=int(to), **changes)
    stage.state.write(request_key(id), after)
    _reserve(stage.state, request, (to in WAITING) - (request.state in WAITING))
    stage.tell("pegout_state", id=id, state=to.name.lower())
    return after


def _reserve(state: SystemState, request: Request, times: int) -> None:
    fees = request.burned - request.payout
    if times and fees:
        key = reserved_key(request.asset)
        state.write(key, state.number(key) + times * fees)
