"""A fuzzer of RPC made of the OpenRPC document: requests that fit the types, nearly fit, or do not.

Everything comes from a seed. `known` are values of the world that is asked (ids, addresses,
heights), so that calls get further than their first check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from bystack.node.rpc.explaining import resolved

EDGES = (None, True, False, 0, 1, -1, 2**31, 2**53, 2**63 - 1, -(2**63), 0.1, 1e300, -0.0, "", "0")
STRINGS = ("", "\x00", "a", "main", "trade", "BTM", "ä" * 50, "00", "ff" * 32, "00" * 200, "-1")
WRONG = (*EDGES, [], {}, [[]], {"a": 1}, *STRINGS)


class Fuzzer:
    """Requests for the methods of one document."""

    def __init__(self, document: Mapping[str, Any], seed: int, known: Sequence[Any] = ()) -> None:
        self._document, self._random = document, Random(seed)
        self._parts: Mapping[str, Any] = document["components"]["schemas"]
        self._known = list(known)

    def requests(self, each: int, skip: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
        """Method and parameters, so many of each method: its example first."""
        for method in self._document["methods"]:
            if method["name"] in skip:
                continue
            (example,) = method["examples"]
            yield method["name"], {one["name"]: one["value"] for one in example["params"]}
            for _ in range(each - 1):
                yield method["name"], self._params(method["params"])

    def _params(self, params: Sequence[Mapping[str, Any]]) -> Any:
        chance = self._random.random()
        named = {
            one["name"]: self._value(one["schema"])
            for one in params
            if one["required"] or self._random.random() < 0.5
        }
        if chance < 0.05:
            named[self._random.choice(("x", "", "self"))] = 1
        if chance > 0.5:
            return named
        values = [self._value(one["schema"]) for one in params]
        return values[: self._random.randint(max(0, len(values) - 2), len(values) + 1)]

    def _value(self, schema: Mapping[str, Any], deep: int = 0) -> Any:
        """Mostly a value that fits; now and then one at an edge, or of another kind."""
        chance = self._random.random()
        if chance < 0.08:
            return self._random.choice(WRONG)
        real = resolved(schema, self._parts)
        if chance < 0.5 and (fitting := self._fitting(real)):
            return self._random.choice(fitting)
        match real:
            case {"anyOf": list(many)}:
                return self._value(self._random.choice(many), deep + 1)
            case {"enum": list(values)} | {"examples": list(values)} if chance < 0.9:
                return self._random.choice(values)
            case {"type": kind} if deep < 6:
                return self._plain(str(kind), real, deep)
            case _:
                return self._random.choice(WRONG)

    def _fitting(self, schema: Mapping[str, Any]) -> list[Any]:
        kind = {"string": str, "integer": int, "array": list}.get(str(schema.get("type")))
        return [one for one in self._known if kind is not None and type(one) is kind]

    def _plain(self, kind: str, schema: Mapping[str, Any], deep: int) -> Any:
        random = self._random
        match kind:
            case "integer":
                least, most = schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)
                return random.choice((least, most, random.randint(least, most), 0, 1, 2))
            case "number":
                return random.choice((0, 0.1, 1.5, 1e-9, 1e18, 21_000_000.00000001))
            case "boolean":
                return random.random() < 0.5
            case "array":
                inner = schema.get("items") or {}
                return [self._value(inner, deep + 1) for _ in range(random.randint(0, 3))]
            case "object":
                fields = schema.get("properties", {})
                needed = schema.get("required", ())
                chosen = [n for n in fields if n in needed or random.random() < 0.5]
                return {name: self._value(fields[name], deep + 1) for name in chosen}
            case "null":
                return None
            case _:
                return self._text(schema)

    def _text(self, schema: Mapping[str, Any]) -> str:
        random, pattern = self._random, str(schema.get("pattern", ""))
        if "fA-F" in pattern:
            size = 32 if "{64}" in pattern else random.choice((0, 1, 32, 100))
            return random.randbytes(size).hex()
        return random.choice((*STRINGS, "x" * (int(schema.get("maxLength", 300)) + 1)))
