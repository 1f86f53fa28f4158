"""One method: its function, the types of what it takes and gives, who may call it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_type_hints

import msgspec

from bystack.node.config import Scope
from bystack.node.ipc.errors import RemoteError
from bystack.node.rpc.codes import BAD_PARAMS, WRONG_TYPE


@dataclass(frozen=True)
class Method:
    """A method as registered. `example`: parameters by name, for help and the document."""

    name: str
    function: Callable[..., Any]
    kinds: dict[str, Any]
    required: int
    scope: Scope
    help: str
    more: str = ""
    result: Any = Any
    example: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def usage(self) -> str:
        """Name and parameters, optional ones in brackets."""
        words = [
            name if index < self.required else f"[{name}]" for index, name in enumerate(self.kinds)
        ]
        return " ".join([self.name, *words])

    @property
    def optional(self) -> tuple[str, ...]:
        """The names of the parameters that may be left out."""
        return tuple(self.kinds)[self.required :]


def method_of(
    name: str,
    function: Callable[..., Any],
    scope: Scope,
    help: str = "",
    returns: Any = None,
    example: Mapping[str, Any] | None = None,
) -> Method:
    """The method that `function` is, by its annotations; `help` is its sentence, else its
    docstring's first line. `returns` says more of the result than the annotation does."""
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function, include_extras=True)
    kinds = {one: hints.get(one, Any) for one in parameters}
    empty = inspect.Parameter.empty
    defaults = {one: p.default for one, p in parameters.items() if p.default is not empty}
    text = inspect.getdoc(function) or ""
    first, _, rest = text.partition("\n\n")
    summary, more = (help, text) if help else (" ".join(first.split()), rest)
    result = returns if returns is not None else hints.get("return", Any)
    required = len(parameters) - len(defaults)
    return Method(
        name, function, kinds, required, scope, summary, more, result, example or {}, defaults
    )


def expected(kind: Any) -> str:
    """What a parameter's type accepts, in words."""
    schema = msgspec.json.schema(kind)
    several = [one.get("description") or one.get("type", "") for one in schema.get("anyOf", ())]
    either = " or ".join(one for one in several if one and one != "null")
    words = schema.get("description") or schema.get("type") or either or "any value"
    if "enum" in schema:
        words = "one of " + ", ".join(str(value) for value in schema["enum"])
    return str(words)


def arguments(method: Method, params: Any) -> dict[str, Any]:
    """Typed arguments by name from a list or dict of JSON values. Raises `RemoteError`.

    As in Bitcoin Core, a dict may hold the first ones by position, as a list under `args`.
    """
    match _by_name(method, params):
        case list() | tuple() if len(params) <= len(method.kinds):
            named = dict(zip(method.kinds, params, strict=False))
        case list() | tuple():
            raise _bad_params(method, f"{len(params)} parameters given")
        case dict() as named:
            pass
        case _:
            raise _bad_params(method, "params must be a list or an object")
    for name in named:
        if name not in method.kinds:
            raise _bad_params(method, f"there is no parameter {name!r}")
    for name in list(method.kinds)[: method.required]:
        if name not in named:
            raise _bad_params(method, f"parameter {name} is missing")
    # As in Bitcoin Core, null stands for an optional parameter left out.
    optional = method.optional
    given = {k: v for k, v in named.items() if not (v is None and k in optional)}
    return {name: _typed(method, name, value) for name, value in given.items()}


def _by_name(method: Method, params: Any) -> Any:
    """What stands under `args` with its names; anything else as it is."""
    match params:
        case {"args": list(first), **rest} if "args" not in method.kinds:
            named = dict(zip(method.kinds, first, strict=False))
            if len(first) > len(named):
                raise _bad_params(method, f"{len(first)} parameters given")
            if twice := sorted(named.keys() & rest.keys()):
                raise _bad_params(method, f"parameter {twice[0]} is given twice")
            return named | rest
        case _:
            return params


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
