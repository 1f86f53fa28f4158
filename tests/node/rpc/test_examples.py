"""Every method of every part has a sentence, an example that fits, and a place in the document."""

from __future__ import annotations

import msgspec
import pytest

from bystack.node.catalogue import catalogue
from bystack.node.rpc import Method, arguments
from bystack.node.rpc.examples import examples_of
from bystack.node.rpc.explaining import explain, resolved

PARTS = catalogue()
EVERY = [(part, method) for part, methods in PARTS.items() for method in methods.all]


@pytest.mark.parametrize(
    ("part", "method"), EVERY, ids=[f"{part}-{method.name}" for part, method in EVERY]
)
def test_help_and_an_example_that_fits(part: str, method: Method) -> None:
    assert method.help.endswith((".", "?")), f"{method.name} is not explained in a sentence"
    arguments(method, examples_of(method))
    text = explain(method, PARTS[part].path)
    assert text.startswith(method.usage)
    assert f"bystack rpc {method.name}" in text
    assert all(f"  {name} (" in text for name in method.kinds)


@pytest.mark.parametrize("part", PARTS)
def test_the_document_names_every_parameter_with_its_schema(part: str) -> None:
    methods = PARTS[part]
    found = msgspec.json.decode(msgspec.json.encode(methods.document()))
    assert [one["name"] for one in found["methods"]] == list(methods.names)
    for one, method in zip(found["methods"], methods.all, strict=True):
        assert [param["name"] for param in one["params"]] == list(method.kinds)
        required = [param["required"] for param in one["params"]]
        assert required == sorted(required, reverse=True)
        assert one["result"]["schema"] is not None
    text = msgspec.json.encode(found).decode()
    references = {piece.partition('"')[0] for piece in text.split('"#/components/schemas/')[1:]}
    assert references == set(found["components"]["schemas"])


JUDGED = {("main", "conf_target"), ("light", "conf_target")}
"""Whose method refuses it in Bitcoin Core's words."""


@pytest.mark.parametrize("part", PARTS)
def test_no_number_is_without_bounds(part: str) -> None:
    """A method computes with what it is given; a number of any size is an OverflowError there."""
    found = PARTS[part].document()
    places = found["components"]["schemas"]
    schemas = [
        (part, param["name"], resolved(param["schema"], places))
        for one in found["methods"]
        for param in one["params"]
    ]
    open_ = {
        (part, name)
        for part, name, schema in schemas
        if schema.get("type") == "integer" and not {"minimum", "maximum"} <= set(schema)
    }
    assert open_ <= JUDGED
