"""What `help METHOD` says: usage, meaning, parameters, result, and calls to copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bystack.node.rpc.describing import document, shown_default
from bystack.node.rpc.examples import examples_of
from bystack.node.rpc.method import Method, expected

DEEP = 2


def explain(method: Method, path: str) -> str:
    """The text of one method."""
    parts = [
        method.usage,
        method.help,
        method.more,
        _listed("Parameters", [_parameter(method, name) for name in method.kinds]),
        _listed("Result", list(_result(method))),
        f"Scope: {method.scope}.",
        _listed("Examples", [example_line(method, path), curl_line(method, path)]),
    ]
    return "\n\n".join(part for part in parts if part)


def _listed(title: str, lines: list[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines)]) if lines else ""


def _parameter(method: Method, name: str) -> str:
    if name not in method.optional:
        told = "required"
    else:
        default = shown_default(method, name)
        told = "optional" if default is None else f"default {msgspec.json.encode(default).decode()}"
    return f"{name} ({told}): {expected(method.kinds[name])}"


def _result(method: Method) -> Iterator[str]:
    described = document((method,), "/")
    (one,) = described["methods"]
    yield from lines_of(one["result"]["schema"], described["components"]["schemas"], 0)


def lines_of(schema: Mapping[str, Any], parts: Mapping[str, Any], deep: int) -> Iterator[str]:
    """A schema in words: its kind, and an object's fields below it, two levels of them, with which
    of them may be missing."""
    real = resolved(schema, parts)
    yield worded(schema, parts)
    if deep > DEEP:
        return
    inner = resolved(real.get("items") or {}, parts) if real.get("type") == "array" else real
    always = inner.get("required", ())
    for name, field in inner.get("properties", {}).items():
        first, *rest = lines_of(field, parts, deep + 1)
        yield f"  {name}{'' if name in always else ' (not always)'}: {first}"
        yield from (f"  {line}" for line in rest)


def resolved(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, where another one only points to it."""
    while "$ref" in schema:
        schema = parts[str(schema["$ref"]).rpartition("/")[2]]
    return schema


def worded(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    real = resolved(schema, parts)
    kind = str(schema.get("description") or "")
    match real:
        case {"anyOf": list(many)}:
            kinds = " or ".join(worded(one, parts) for one in many)
        case {"enum": list(values)}:
            kinds = "one of " + ", ".join(str(value) for value in values)
        case {"type": "array", "items": dict(items)} if items:
            kinds = f"list of {worded(items, parts)}"
        case {"type": name}:
            kinds = str(name)
        case _:
            kinds = "any value"
    return f"{kinds}, {kind}" if kind else kinds


def example_line(method: Method, path: str) -> str:
    """The method called from a shell by `bystack rpc`."""
    given = " ".join(shlex.quote(_word(value)) for value in _by_position(method))
    where = "" if path == "/" else f" --path {path}"
    return f"bystack rpc {method.name}{' ' if given else ''}{given}{where}"


def curl_line(method: Method, path: str) -> str:
    """The method called by curl, from the node's home."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method.name, "params": examples_of(method)}
    body = shlex.quote(msgspec.json.encode(request).decode())
    return f'curl -u "$(cat .cookie)" -d {body} http://127.0.0.1:9736{path}'


def _by_position(method: Method) -> list[Any]:
    """The example's values up to the last that is given; those between have their default."""
    given = examples_of(method)
    names = list(method.kinds)
    last = max((names.index(name) for name in given), default=-1)
    return [given.get(name, shown_default(method, name)) for name in names[: last + 1]]


def _word(value: Any) -> str:
    """A value as `bystack rpc` reads it: text as it is where that is not JSON of another kind."""
    text = msgspec.json.encode(value).decode()
    if not isinstance(value, str):
        return text
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
    return text
