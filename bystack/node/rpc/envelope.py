"""The envelope: which requests a body holds, and the objects that answer them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from bystack.node.ipc.errors import RemoteError
from bystack.node.rpc.codes import BAD_JSON, BAD_REQUEST

MAX_BATCH = 1000
MAX_PARAMS = 100


@dataclass(frozen=True)
class Request:
    """One request of a body: `id` is None for a notification of version 2."""

    method: str
    params: Any
    id: Any
    version: int
    notification: bool = False


def parse(body: bytes) -> tuple[list[Request | RemoteError], bool]:
    """The requests in a body, and whether it was a batch.

    Raises `RemoteError` for a body that is no JSON, an empty batch or one above 1,000; a faulty
    request inside a batch is an error in its place.
    """
    try:
        data = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise RemoteError(BAD_JSON, f"the body is not JSON: {error}") from None
    if not isinstance(data, list):
        return [_request(data)], False
    if not 1 <= len(data) <= MAX_BATCH:
        raise RemoteError(BAD_REQUEST, f"a batch has 1 to {MAX_BATCH} requests")
    return [_request(one) for one in data], True


def _carried(params: Any) -> bool:
    """Whether MessagePack, by which processes speak, has these numbers: JSON knows larger ones."""
    try:
        msgspec.msgpack.encode(params)
    except OverflowError:
        return False
    return True


def _request(data: Any) -> Request | RemoteError:
    if not isinstance(data, dict) or not isinstance(data.get("method"), str):
        return RemoteError(BAD_REQUEST, "a request is an object with a method")
    if not isinstance(data.get("id"), str | int | float | None):
        return RemoteError(BAD_REQUEST, "an id is a text, a number or null")
    params = data.get("params")
    params = [] if params is None else params
    if not isinstance(params, list | dict) or len(params) > MAX_PARAMS:
        return RemoteError(BAD_REQUEST, f"params is a list or object of at most {MAX_PARAMS}")
    if not _carried(params):
        return RemoteError(BAD_REQUEST, "a number in params lies beyond 64 bits")
    version = 2 if data.get("jsonrpc") == "2.0" else 1
    silent = version == 2 and "id" not in data
    return Request(data["method"], params, data.get("id"), version, silent)


def success(request: Request, result: Any) -> dict[str, Any]:
    """The answer object of a request that worked."""
    if request.version == 2:
        return {"jsonrpc": "2.0", "result": result, "id": request.id}
    return {"result": result, "error": None, "id": request.id}


def failure(request: Request | None, error: RemoteError) -> dict[str, Any]:
    """The answer object of a request that did not (None: it could not be read)."""
    fault = {"code": error.code, "message": error.message}
    if error.data:
        fault |= {"data": error.data}
    if request is None or request.version == 2:
        return {"jsonrpc": "2.0", "error": fault, "id": request.id if request else None}
    return {"result": None, "error": fault, "id": request.id}
