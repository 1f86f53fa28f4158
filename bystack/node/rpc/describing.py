"""The OpenRPC document of a role's methods: made of the same types that check every request."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from bystack import __version__
from bystack.node.rpc.codes import ERRORS
from bystack.node.rpc.examples import examples_of
from bystack.node.rpc.method import Method

OPENRPC: Final = "1.3.2"
REF: Final = "#/components/schemas/{name}"

Json = dict[str, Any]


def document(methods: Sequence[Method], path: str) -> Json:
    """The OpenRPC document of these methods, asked on `path`."""
    kinds = [kind for one in methods for kind in (*one.kinds.values(), _result_kind(one))]
    schemas, components = settled(msgspec.json.schema_components(kinds, ref_template=REF))
    given = iter(schemas)
    return {
        "openrpc": OPENRPC,
        "info": {
            "title": "Bystack",
            "description": "JSON-RPC of a Bystack node.",
            "version": __version__,
        },
        "servers": [{"name": "node", "url": path}],
        "methods": [_method(one, given) for one in methods],
        "components": {"schemas": components, "errors": _errors()},
    }


def settled(schema: Any) -> Any:
    """A schema whose alternatives stand in one order. `typing` takes `int | str` and `str | int`
    for one type, and hands out the one that was written first in the process."""
    match schema:
        case {"anyOf": list(many), **rest}:
            return {"anyOf": sorted(map(settled, many), key=_place), **settled(rest)}
        case dict():
            return {name: settled(inner) for name, inner in schema.items()}
        case list() | tuple():
            return [settled(inner) for inner in schema]
    return schema


def _place(schema: Json) -> tuple[bool, bytes]:
    """Nothing comes last; all else by what it says."""
    return schema.get("type") == "null", msgspec.json.encode(schema, order="deterministic")


def merged(documents: Iterable[Mapping[str, Any]], path: str) -> Json:
    """One document of what several processes answer on one path; of two methods with one name the
    first stays, which is the one that is asked. Types that share a name only get another one."""
    methods: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    whole: Json = {}
    for given in documents:
        one = _apart(given, schemas)
        whole = whole or dict(one)
        methods = {**{m["name"]: m for m in one["methods"]}, **methods}
        schemas = {**one["components"]["schemas"], **schemas}
    return {
        **whole,
        "servers": [{"name": "node", "url": path}],
        "methods": [methods[name] for name in sorted(methods)],
        "components": {**whole["components"], "schemas": schemas},
    }


def _apart(one: Mapping[str, Any], taken: Mapping[str, Any]) -> Mapping[str, Any]:
    """A document whose types have no name that stands for another type already."""
    own = one["components"]["schemas"]
    others = {name for name in own if taken.get(name, own[name]) != own[name]}
    if not others:
        return one
    new = {name: _free(name, {*own, *taken}) for name in others}
    schemas = {new.get(name, name): _repointed(schema, new) for name, schema in own.items()}
    components = {**one["components"], "schemas": schemas}
    return {**one, "methods": _repointed(one["methods"], new), "components": components}


def _free(name: str, taken: set[str]) -> str:
    number = next(n for n in itertools.count(2) if f"{name}{n}" not in taken)
    return f"{name}{number}"


def _repointed(value: Any, new: Mapping[str, str]) -> Any:
    """With every reference to a renamed type under its new name."""
    match value:
        case {"$ref": str(ref), **rest}:
            name = ref.rpartition("/")[2]
            return {"$ref": REF.format(name=new.get(name, name)), **_repointed(rest, new)}
        case dict():
            return {name: _repointed(inner, new) for name, inner in value.items()}
        case list():
            return [_repointed(inner, new) for inner in value]
    return value


def _errors() -> Json:
    return {f"E{-code}": {"code": code, "message": text} for code, text in ERRORS.items()}


def _method(method: Method, schemas: Any) -> Json:
    """The method object; takes its parameters' and its result's schema off `schemas`."""
    params = [_param(method, name, next(schemas)) for name in method.kinds]
    result = {"name": "result", "schema": next(schemas)}
    more = {"description": method.more} if method.more else {}
    return {
        "name": method.name,
        "summary": method.help,
        **more,
        "paramStructure": "either",
        "params": params,
        "result": result,
        "examples": [_pairing(method)],
        "x-scope": method.scope,
    }


def _param(method: Method, name: str, schema: Json) -> Json:
    described = {"description": schema["description"]} if "description" in schema else {}
    default = shown_default(method, name)
    if default is not None:
        schema = {**schema, "default": default}
    required = name not in method.optional
    return {"name": name, **described, "required": required, "schema": schema}


def shown_default(method: Method, name: str) -> Any:
    """The value a parameter has when it is left out, as JSON; None where there is none to show."""
    default = method.defaults.get(name)
    return default if isinstance(default, bool | int | float | str) and default != "" else None


def _pairing(method: Method) -> Json:
    given = [{"name": name, "value": value} for name, value in examples_of(method).items()]
    return {"name": method.name, "params": given}


def _result_kind(method: Method) -> Any:
    """The result's type, or anything where it has no schema of its own."""
    kind = method.result
    return kind if kind is not inspect.Parameter.empty and _has_schema(repr(kind), kind) else Any


_known: dict[str, bool] = {}


def _has_schema(name: str, kind: Any) -> bool:
    if name not in _known:
        try:
            msgspec.json.schema(kind)
            _known[name] = True
        except TypeError:
            _known[name] = False
    return _known[name]
