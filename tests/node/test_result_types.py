"""No method answers an object that the reference cannot describe, but for a few that say why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from bystack.node.catalogue import catalogue
from bystack.node.rpc import merged

EXCEPTIONS: Final = {
    "rpc.discover": "its form is OpenRPC's own",
    "query": "asks any module, and answers what that module does",
    "getblockevents []": "each kind of event has facts of its own",
    "listalarms [].facts": "each kind of alarm has facts of its own",
    "getproposal .decision.evidence": "two statements of a member, or two of its words",
    "listproposals .proposals[].decision.evidence": "likewise",
}
"""What may be of any kind, by method and place in its result, and why."""

PARTS = catalogue()
Schema = Mapping[str, Any]


def untyped(schema: Schema, parts: Schema, at: str = "", seen: frozenset[str] = frozenset()) -> Any:
    """Where below a schema anything may stand, or an object without fields."""
    match schema:
        case {"$ref": ref}:
            name = str(ref).rpartition("/")[2]
            return () if name in seen else untyped(parts[name], parts, at, seen | {name})
        case {"anyOf": list(many)}:
            return (place for one in many for place in untyped(one, parts, at, seen))
        case {"enum": _} | {"const": _}:
            return ()
        case {"type": "object"}:
            return _of_object(schema, parts, at, seen)
        case {"type": "array"}:
            items = schema.get("prefixItems") or [schema.get("items") or {}]
            return (place for one in items for place in untyped(one, parts, f"{at}[]", seen))
        case {"type": _}:
            return ()
    return (at,)


def _of_object(schema: Schema, parts: Schema, at: str, seen: frozenset[str]) -> Iterator[str]:
    inner = schema.get("additionalProperties")
    if "properties" not in schema and not (isinstance(inner, dict) and inner):
        yield at
    elif "properties" not in schema:
        yield from untyped(inner or {}, parts, f"{at}.*", seen)
    for name, field in schema.get("properties", {}).items():
        yield from untyped(field, parts, f"{at}.{name}", seen)


@pytest.mark.parametrize("part", PARTS)
def test_every_result_has_its_fields_described(part: str) -> None:
    document, found = PARTS[part].document(), set()
    for one in document["methods"]:
        for place in untyped(one["result"]["schema"], document["components"]["schemas"]):
            told = f"{one['name']} {place}".strip()
            if not any(told == known or told.startswith(known) for known in EXCEPTIONS):
                found.add(told)
    assert not found, "give these a type in the shapes of their folder"


@pytest.mark.parametrize("chain", ["main", "sidechain", "light"])
def test_a_chain_and_the_wallet_on_one_path_keep_their_own_types(chain: str) -> None:
    """Both have an `Unspent`: of two types with one name none may stand for the other."""
    both = [PARTS[part].document() for part in (chain, "wallet")]
    whole = merged(both, "/")
    shown = {one["name"]: one for one in whole["methods"]}
    for document in reversed(both):
        for one in document["methods"]:
            shown[one["name"]] = one, document
    for name, (one, document) in shown.items():
        found = next(method for method in whole["methods"] if method["name"] == name)
        parts = document["components"]["schemas"]
        assert fields(found["result"]["schema"], whole["components"]["schemas"]) == fields(
            one["result"]["schema"], parts
        ), name


def fields(schema: Any, parts: Schema, seen: frozenset[str] = frozenset()) -> Any:
    """A schema with everything it points to in its place."""
    match schema:
        case {"$ref": ref}:
            name = str(ref).rpartition("/")[2]
            return name in seen or fields(parts[name], parts, seen | {name})
        case dict():
            return {name: fields(inner, parts, seen) for name, inner in schema.items()}
        case list() | tuple():
            return [fields(inner, parts, seen) for inner in schema]
    return schema


def test_anything_is_found() -> None:
    parts = {"A": {"type": "object", "properties": {"x": {}, "y": {"$ref": "#/A"}}}}
    assert list(untyped({"type": "array", "items": {"$ref": "#/A"}}, parts)) == ["[].x"]
    assert list(untyped({"type": "object"}, parts)) == [""]
    assert list(untyped({"type": "object", "additionalProperties": {}}, parts)) == [""]
    known = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert list(untyped({"anyOf": [known, {"type": "null"}]}, parts)) == []
