"""Example values of parameters: the method's own, the type's, the name's, or one the schema allows.

They are shown in help and in the OpenRPC document, so each must fit its type; a test sees to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from bystack.node.rpc.kinds import SOME_HASH
from bystack.node.rpc.method import Method

ADDRESS: Final = "rm1p0dpaa55k3y8uaufw84mgs8dvsxgulhtmkg29s58afqgj4z9xsc9qhn6zjd"

DRAFT: Final = "2zLKYhnRhd2W"
KEY: Final = "8a" * 48

NAMED: Final[Mapping[str, tuple[Any, ...]]] = {
    "account": ("savings",),
    "address": (ADDRESS,),
    "addresses": ([ADDRESS],),
    "amount": (1.5,),
    "amounts": ({ADDRESS: 1.5},),
    "asset": ("BTM",),
    "branches": (["single(02" + SOME_HASH + ")"],),
    "chain": ("trade",),
    "charter": ('name = "trade"',),
    "command": ("getblock",),
    "comment": ("rent",),
    "consent": ("8b" * 96,),
    "dummy": ("",),
    "desc": (f"address({ADDRESS})",),
    "give": (10,),
    "give_asset": ("GOLD",),
    "hrp": ("tr",),
    "id": (SOME_HASH,),
    "key": (KEY,),
    "keys": ([SOME_HASH],),
    "kind": ("resume", "transaction", 1),
    "label": ("rent",),
    "market": ("GOLD/BTM",),
    "module": ("registry",),
    "name": ("savings",),
    "newname": ("holidays",),
    "newpassphrase": ("better horse battery",),
    "node": ("192.0.2.7:9735", SOME_HASH),
    "oldname": ("savings",),
    "oldpassphrase": ("correct horse battery",),
    "operation": ("freeze", SOME_HASH),
    "operator": (ADDRESS,),
    "outputs": ([{"address": ADDRESS, "amount": 1.5}],),
    "owner": (ADDRESS,),
    "owners": ([ADDRESS],),
    "passphrase": ("correct horse battery",),
    "points": (["02" + SOME_HASH, "03" + SOME_HASH],),
    "price": (12.5,),
    "proof": ("00ff", "8c" * 96),
    "pst": (DRAFT,),
    "psts": ([DRAFT, DRAFT],),
    "side": ("buy",),
    "subnet": ("192.0.2.7:9735",),
    "symbol": ("GOLD",),
    "timeout": (60,),
    "to": (ADDRESS,),
    "wallet_name": ("savings",),
    "want": (125,),
    "want_asset": ("BTM",),
    "what": ("claims", SOME_HASH),
    "yes": (True,),
}
"""Values for a parameter of this name: the first that its type allows is shown."""


def examples_of(method: Method) -> dict[str, Any]:
    """Example parameters by name: all that are required, and those the method gives."""
    wanted = [*tuple(method.kinds)[: method.required], *method.example]
    return {name: _example(method, name) for name in method.kinds if name in wanted}


def _example(method: Method, name: str) -> Any:
    if name in method.example:
        return method.example[name]
    (schema,), parts = msgspec.json.schema_components([method.kinds[name]])
    return _some(name, schema, parts)


def _some(name: str, schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    """A value of a schema under a name; `parts` are the definitions it may point to."""
    match schema:
        case {"$ref": ref}:
            return _some(name, parts[str(ref).rpartition("/")[2]], parts)
        case {"examples": [first, *_]} | {"enum": [first, *_]} | {"const": first}:
            return first
    for value in NAMED.get(name, ()):
        if _allows(schema, parts, value):
            return value
    match schema:
        case {"anyOf": [first, *_]}:
            return _some(name, first, parts)
        case {"type": kind}:
            return _plain(str(kind), schema, parts)
        case _:
            return "any"


JSON_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def _allows(schema: Mapping[str, Any], parts: Mapping[str, Any], value: Any) -> bool:
    """Whether a value is of a schema's kind and, a text, of its pattern."""
    match schema:
        case {"anyOf": list(many)}:
            return any(_allows(one, parts, value) for one in many)
        case {"$ref": _}:
            return isinstance(value, dict)
        case {"type": "array", "items": dict(inner)} if isinstance(value, list):
            return all(_allows(inner, parts, one) for one in value)
        case {"type": kind}:
            fits = isinstance(value, JSON_KINDS.get(str(kind), ()))
            pattern = str(schema.get("pattern", "")).replace("\\Z", "$")
            return fits and (not isinstance(value, str) or re.search(pattern, value) is not None)
        case _:
            return True


def _plain(kind: str, schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Any:
    match kind:
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case "array" if "prefixItems" in schema:
            return [_some("", one, parts) for one in schema["prefixItems"]]
        case "array":
            return [_some("", schema.get("items") or {}, parts)]
        case "object":
            fields = schema.get("properties", {})
            return {name: _some(name, fields[name], parts) for name in schema.get("required", ())}
        case "null":
            return None
        case _:
            return SOME_HASH[: min(schema.get("maxLength", 4), max(4, schema.get("minLength", 0)))]
