"""JSON-RPC 2.0 (and 1.0): the registry of a role's methods, and the envelope of requests.

A role registers plain functions; their annotations are the parameters' types, checked by msgspec
before the function runs. Codes are Bitcoin Core's. Nothing here touches HTTP: see `web`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from bystack.node.config import Scope
from bystack.node.ipc.errors import METHOD_UNKNOWN, RemoteError

MISC = -1
FORBIDDEN_BY_SCOPE = -32604
WRONG_TYPE = -3
BAD_PARAMS = -32602
BAD_REQUEST = -32600
BAD_JSON = -32700
IN_WARMUP = -28

MAX_BATCH = 1000
MAX_PARAMS = 100

SCOPES: tuple[Scope, ...] = ("read", "wallet", "admin")

Hex = Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{2})*\Z", description="bytes in hex")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}\Z", description="a 32-byte id in hex")]
Height = Annotated[int, Meta(ge=0, le=2**63 - 1, description="a block height")]
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,20}(\.[0-9]{1,18})?\Z", description="an amount")]

_chain: ContextVar[str] = ContextVar("bystack_rpc_chain", default="main")
_wallet: ContextVar[str] = ContextVar("bystack_rpc_wallet", default="")


def calling_wallet() -> str:
    """The wallet that the path of the request names (`/wallet/NAME`), or nothing."""
    return _wallet.get()


def calling_chain() -> str:
    """The chain whose path the request came on: `main`, or a sidechain's name."""
    return _chain.get()


def allows(held: str, needed: str) -> bool:
    """A caller with scope `held` may do what `needed` scope asks; unknown scopes allow nothing."""
    return held in SCOPES and SCOPES.index(held) >= SCOPES.index(needed)


@dataclass(frozen=True)
class Method:
    """One method: its function, what it takes, who may call it, a sentence of help."""

    name: str
    function: Callable[..., Any]
    kinds: dict[str, Any]
    required: int
    scope: Scope
    help: str

    @property
    def usage(self) -> str:
        """Name and parameters, optional ones in brackets."""
        words = [
            name if index < self.required else f"[{name}]" for index, name in enumerate(self.kinds)
        ]
        return " ".join([self.name, *words])


class Methods:
    """The methods a role answers; `answer` serves the `rpc` call of its private socket."""

    def __init__(self) -> None:
        self._methods: dict[str, Method] = {}
        self.add("help", self._help, help="List the methods, or explain one.")

    def add(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        scope: Scope = "read",
        help: str = "",
    ) -> None:
        """Register `function` (plain or async) as `name`; its annotated parameters are the
        method's, by position or by name. Its result must be a JSON value."""
        parameters = inspect.signature(function).parameters
        hints = get_type_hints(function, include_extras=True)
        kinds = {one: hints.get(one, Any) for one in parameters}
        required = sum(p.default is inspect.Parameter.empty for p in parameters.values())
        text = help or (function.__doc__ or "").strip().partition("\n")[0]
        self._methods[name] = Method(name, function, kinds, required, scope, text)

    @property
    def names(self) -> tuple[str, ...]:
        """Every method's name, sorted."""
        return tuple(sorted(self._methods))

    async def call(self, name: str, params: Any = (), scope: str = "admin") -> Any:
        """The result of method `name`; `params` is a list or a dict, `scope` the caller's.

        Raises `RemoteError`: -32601 no such method, -32604 beyond the scope, -32602 wrong number or
        names, -3 wrong type, and what the method itself raises.
        """
        method = self._methods.get(name)
        if method is None:
            raise RemoteError(METHOD_UNKNOWN, f"there is no method {name}; see help")
        if not allows(scope, method.scope):
            text = f"{name} needs scope {method.scope}, this token has {scope}"
            raise RemoteError(FORBIDDEN_BY_SCOPE, text, {"scope": method.scope})
        result = method.function(**arguments(method, params))
        return await result if inspect.isawaitable(result) else result

    async def answer(self, params: list[Any]) -> Any:
        """Serve `call("rpc", method, params, scope, chain, wallet)`; no scope is `read`."""
        defaults = ["", [], "read", "main", ""]
        name, given, scope, chain, wallet = [*params, *defaults[len(params) :]][:5]
        with _on(_chain, chain), _on(_wallet, wallet):
            return await self.call(name, given, scope)

    def _help(self, command: str = "") -> str:
        if not command:
            return "\n".join(self._methods[name].usage for name in self.names)
        if command not in self._methods:
            raise RemoteError(METHOD_UNKNOWN, f"there is no method {command}; see help")
        method = self._methods[command]
        lines = [method.usage, "", method.help, f"Scope: {method.scope}."]
        lines += [f"  {name}: {expected(kind)}" for name, kind in method.kinds.items()]
        return "\n".join(lines)


@contextmanager
def _on(variable: ContextVar[str], value: str) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def expected(kind: Any) -> str:
    """What a parameter's type accepts, in words."""
    schema = msgspec.json.schema(kind)
    words = schema.get("description") or schema.get("type") or "any value"
    if "enum" in schema:
        words = "one of " + ", ".join(str(value) for value in schema["enum"])
    return str(words)


def arguments(method: Method, params: Any) -> dict[str, Any]:
    """Typed arguments by name from a list or dict of JSON values. Raises `RemoteError`."""
    match params:
        case list() | tuple() if len(params) <= len(method.kinds):
            named = dict(zip(method.kinds, params, strict=False))
        case list() | tuple():
            raise _bad_params(method, f"{len(params)} parameters given")
        case dict():
            named = params
        case _:
            raise _bad_params(method, "params must be a list or an object")
    for name in named:
        if name not in method.kinds:
            raise _bad_params(method, f"there is no parameter {name!r}")
    for name in list(method.kinds)[: method.required]:
        if name not in named:
            raise _bad_params(method, f"parameter {name} is missing")
    # As in Bitcoin Core, null stands for an optional parameter left out.
    optional = list(method.kinds)[method.required :]
    given = {k: v for k, v in named.items() if not (v is None and k in optional)}
    return {name: _typed(method, name, value) for name, value in given.items()}


def _bad_params(method: Method, fault: str) -> RemoteError:
    return RemoteError(BAD_PARAMS, f"{fault}; usage: {method.usage}", {"method": method.name})


def _typed(method: Method, name: str, value: Any) -> Any:
    try:
        return msgspec.convert(value, method.kinds[name])
    except msgspec.ValidationError as error:
        text = (
            f"parameter {name} of {method.name}: expected {expected(method.kinds[name])} ({error})"
        )
        raise RemoteError(WRONG_TYPE, text, {"parameter": name}) from None


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
