"""From a body to its answer: requests parsed, carried to their processes, and answered in order.

A batch goes to each process in lots, one message each; the lots of one process follow each other,
so that its requests are done in the order of the batch, as Bitcoin Core does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import trio
from msgspec import Raw

from bystack.node import rpc
from bystack.node.config import Scope
from bystack.node.ipc import INTERNAL, METHOD_UNKNOWN, RemoteError, Unanswered, Unavailable
from bystack.node.rpc.batching import TOGETHER
from bystack.node.web.forward import Forwarder, NoWallet, Unknown
from bystack.node.web.rooms import Deaf

Said = tuple[dict[str, Any] | None, int]
"""The answer object, None for a notification, and its HTTP status."""


class Conversation:
    """The requests of one body, asked on one path with one scope."""

    def __init__(self, forwarder: Forwarder, path: str, scope: Scope) -> None:
        self._forwarder, self._path, self._scope = forwarder, path, scope

    async def single(self, request: rpc.Request | RemoteError) -> Said:
        """The answer to one request."""
        if isinstance(request, RemoteError):
            return rpc.failure(None, request), 400
        try:
            result = await self._forwarder.result(self._path, request, self._scope)
        except (RemoteError, Unavailable, Unknown) as error:
            return failed(request, error)
        return (None if request.notification else rpc.success(request, result)), 200

    async def batch(self, requests: Sequence[rpc.Request | RemoteError]) -> list[Said]:
        """The answers to all, in their order."""
        said: list[Said] = [(None, 200)] * len(requests)
        lots: dict[str, list[int]] = {}
        for place, one in enumerate(requests):
            if isinstance(one, RemoteError):
                said[place] = rpc.failure(None, one), 400
            else:
                lots.setdefault(self._forwarder.whose(self._path, one), []).append(place)
        async with trio.open_nursery() as nursery:
            for label, places in lots.items():
                nursery.start_soon(self._lot, label, places, requests, said)
        return said

    async def _lot(
        self, label: str, places: list[int], requests: Sequence[Any], said: list[Said]
    ) -> None:
        """What one process is asked; without a label the daemon has more to do for each."""
        while places and label:
            asked = places[:TOGETHER]
            answers = await self._together(label, [requests[place] for place in asked])
            for place, answer in zip(asked, answers, strict=False):
                said[place] = answer
            places = places[len(answers) :]
        for place in places:
            said[place] = await self.single(requests[place])

    async def _together(self, label: str, requests: list[rpc.Request]) -> list[Said]:
        """The answers to the first requests, one at least."""
        try:
            found = await self._forwarder.together(label, self._path, requests, self._scope)
        except (RemoteError, Unavailable, Unknown) as error:
            return [failed(one, error) for one in requests]
        return [_said(one, answer) for one, answer in zip(requests, found, strict=False)]


def _said(request: rpc.Request, answer: bytes | list[Any]) -> Said:
    if isinstance(answer, bytes):
        return (None if request.notification else rpc.success(request, Raw(answer))), 200
    return failed(request, RemoteError(*answer))


def failed(request: rpc.Request, error: Exception) -> Said:
    """The answer to a request that brought no result; states follow Bitcoin Core."""
    match error:
        case RemoteError():
            fault, status = error, _status(request, error)
        case NoWallet():
            text = f"{request.method}: this node keeps no wallets ([wallet] enabled)"
            fault = RemoteError(METHOD_UNKNOWN, text)
            status = _status(request, fault)
        case Unanswered():
            text = f"{error}; what was asked may have been done all the same: look first"
            fault, status = RemoteError(rpc.MISC, text), 504
        case _:
            told = f" ({error})" if isinstance(error, Deaf) else ""
            text = (
                f"no process answers {request.method} now{told}; bystack status names what is down"
            )
            fault, status = RemoteError(rpc.IN_WARMUP, text), 503
    return (None if request.notification else rpc.failure(request, fault)), status


def _status(request: rpc.Request, error: RemoteError) -> int:
    if error.code == rpc.FORBIDDEN_BY_SCOPE:
        return 403
    if request.version == 2:
        return 200
    return 404 if error.code == METHOD_UNKNOWN else 500


def written(said: Sequence[Said], *, batch: bool) -> tuple[bytes, int]:
    """The body of the answer and its HTTP status; an empty body where nothing is answered."""
    objects = [answer for answer, _ in said if answer is not None]
    if not objects:
        return b"", 204
    if not batch:
        return _json(objects[0], said[0][1])
    down = all(status == 503 for _, status in said)
    return _json(objects, 503 if down else 200)


def _json(value: Any, status: int) -> tuple[bytes, int]:
    try:
        return msgspec.json.encode(value), status
    except (TypeError, ValueError, OverflowError, RecursionError):
        error = RemoteError(INTERNAL, "the result is no JSON value")
        return msgspec.json.encode(rpc.failure(None, error)), 500
