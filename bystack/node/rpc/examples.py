"""Example values of parameters: the method's own, the type's, the name's, or one the schema allows.

They are shown in help and in the OpenRPC document, so each must fit its type; a test sees to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from bystack.node.rpc.kinds import SOME_HASH
from bystack.node.rpc.method import Method

ADDRESS: Final = "rm1p0dpaa55k3y8uaufw84mgs8dvsxgulhtmkg29s58afqgj4z9xsc9qhn6zjd"

NAMED: Final[Mapping[str, Any]] = {
    "account": "savings",
    "address": ADDRESS,
    "amount": 1.5,
    "asset": "BTM",
    "chain": "trade",
    "command": "getblock",
    "comment": "rent",
    "desc": f"address({ADDRESS})",
    "label": "rent",
    "market": "GOLD/BTM",
    "module": "registry",
    "name": "savings",
    "node": "192.0.2.7:9735",
    "owner": ADDRESS,
    "passphrase": "correct horse battery",
    "password": "correct horse battery",
    "subnet": "192.0.2.7:9735",
    "to": ADDRESS,
    "wallet_name": "savings",
}
"""By the name of the parameter."""


def examples_of(method: Method) -> dict[str, Any]:
    """Example parameters by name: all that are required, and those the method gives."""
    wanted = [*tuple(method.kinds)[: method.required], *method.example]
    return {name: _example(method, name) for name in method.kinds if name in wanted}


def _example(method: Method, name: str) -> Any:
    if name in method.example:
        return method.example[name]
    (schema,), parts = msgspec.json.schema_components([method.kinds[name]])
    if "examples" in schema:
        return schema["examples"][0]
    if name in NAMED and _fits(NAMED[name], method.kinds[name]):
        return NAMED[name]
    return some(schema, parts)


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def some(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    """A value of a schema; `parts` are the definitions it may point to."""
    match schema:
        case {"$ref": ref}:
            return some(parts[str(ref).rpartition("/")[2]], parts)
        case {"examples": [first, *_]} | {"enum": [first, *_]} | {"const": first}:
            return first
        case {"anyOf": [first, *_]}:
            return some(first, parts)
        case {"type": kind}:
            return _plain(str(kind), schema, parts)
        case _:
            return "any"


def _plain(kind: str, schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    match kind:
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case "array" if "prefixItems" in schema:
            return [some(one, parts) for one in schema["prefixItems"]]
        case "array":
            return [some(schema.get("items") or {}, parts)]
        case "object":
            fields = schema.get("properties", {})
            return {
                name: NAMED.get(name, some(fields[name], parts))
                for name in schema.get("required", ())
            }
        case "null":
            return None
        case _:
            return SOME_HASH[: min(schema.get("maxLength", 4), max(4, schema.get("minLength", 0)))]
