"""The registry of a role's methods, and how a call finds its function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal

from bystack.node.config import Scope
from bystack.node.ipc.errors import METHOD_UNKNOWN, RemoteError
from bystack.node.rpc.batching import answers
from bystack.node.rpc.codes import FORBIDDEN_BY_SCOPE
from bystack.node.rpc.describing import document
from bystack.node.rpc.explaining import explain
from bystack.node.rpc.method import Method, arguments, method_of

DISCOVER: Final = "rpc.discover"
SCOPES: tuple[Scope, ...] = ("read", "wallet", "admin")

Place = Literal["", "sidechain", "federation", "guard"]

_chain: ContextVar[str] = ContextVar("bystack_rpc_chain", default="main")
_wallet: ContextVar[str] = ContextVar("bystack_rpc_wallet", default="")


def calling_wallet() -> str:
    """The wallet that the path of the request names (`/wallet/NAME`), or nothing."""
    return _wallet.get()


def calling_chain() -> str:
    """The chain whose path the request came on: `main`, or a sidechain's name."""
    return _chain.get()


Row = tuple[str, Callable[..., Any], str] | tuple[str, Callable[..., Any], str, Any]


def allows(held: str, needed: str) -> bool:
    """A caller with scope `held` may do what `needed` scope asks; unknown scopes allow nothing."""
    return held in SCOPES and SCOPES.index(held) >= SCOPES.index(needed)


class Methods:
    """The methods a role answers; `answer` serves the `rpc` call of its private socket.

    `place`: under which path the role is asked, for examples.
    """

    def __init__(self, place: Place = "") -> None:
        self._place = place
        self._methods: dict[str, Method] = {}
        self.add("help", self._help, help="List the methods, or explain one.", example={})
        self.add(DISCOVER, self.document, help="The OpenRPC document of this path.")

    def add(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        scope: Scope = "read",
        help: str = "",
        returns: Any = None,
        example: Mapping[str, Any] | None = None,
    ) -> None:
        """Register `function` (plain or async) as `name`; its annotated parameters are the
        method's, by position or by name. Its result must be a JSON value.

        `returns` is the result's type where the annotation does not say it; `example` gives
        parameters by name where their types and names have no good example.
        """
        self._methods[name] = method_of(name, function, scope, help, returns, example)

    def add_all(self, *rows: Row, scope: Scope = "read") -> None:
        """Register several as `add` does one: each is a name, a function, a help text and, where
        the annotation does not say it, the result's type."""
        for name, function, help, *returns in rows:
            self.add(
                name, function, scope=scope, help=help, returns=returns[0] if returns else None
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Every method's name, sorted."""
        return tuple(sorted(self._methods))

    @property
    def all(self) -> tuple[Method, ...]:
        """Every method, by name."""
        return tuple(self._methods[name] for name in self.names)

    @property
    def path(self) -> str:
        """The path on which these methods are asked."""
        if not self._place:
            return "/"
        name = "NAME" if calling_chain() == "main" else calling_chain()
        return f"/{self._place}/{name}"

    def document(self) -> dict[str, Any]:
        """Their OpenRPC document."""
        return document(self.all, self.path)

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
        """Serve `call("rpc", method, params, scope, chain, wallet)`; no scope is `read`.

        With a list of `[method, params]` for the method, and null for `params`: each one's answer,
        as `batching` tells.
        """
        defaults = ["", [], "read", "main", ""]
        name, given, scope, chain, wallet = [*params, *defaults[len(params) :]][:5]
        with _on(_chain, chain), _on(_wallet, wallet):
            if isinstance(name, list):
                return await answers(self.call, name, scope)
            return await self.call(name, given, scope)

    def _help(self, command: str = "") -> str:
        if not command:
            return "\n".join(self._methods[name].usage for name in self.names)
        if command not in self._methods:
            raise RemoteError(METHOD_UNKNOWN, f"there is no method {command}; see help")
        return explain(self._methods[command], self.path)


@contextmanager
def _on(variable: ContextVar[str], value: str) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
