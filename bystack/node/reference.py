"""The reference of the RPC as a page of Markdown, made of the OpenRPC documents alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from bystack.node.rpc import Methods
from bystack.node.rpc.explaining import example_line, lines_of, worded

Json = Mapping[str, Any]

TITLES: Final = {
    "main": ("Main chain", "On `/`."),
    "wallet": (
        "Wallet",
        "On `/` for the main chain and on `/sidechain/NAME` for that chain; `/wallet/NAME` before"
        " or after either says which of several wallets.",
    ),
    "sidechain": (
        "Sidechain",
        "On `/sidechain/NAME`. What a module answers is there where the sidechain has the module.",
    ),
    "federation": ("Federation", "On `/federation/NAME`, at a member."),
    "guard": ("Guard", "On `/guard/NAME`."),
    "light": ("Light node", 'On `/` of a node with `mode = "light"`; its wallet is the same.'),
}

HEAD: Final = """# RPC reference

Made by `python -m bystack.node.catalogue` from the types that check every request; a running node
tells the same as `bystack rpc help METHOD`, `rpc.discover` and `/openrpc.json`. How to connect,
with which credentials and limits, and how to subscribe to events: [clients](rpc-clients.md).

In usages, what stands in brackets may be left out. Parameters go by position or by name. A result's
field marked "not always" is missing where there is nothing to tell; a client must not count on it.
"""


def page(parts: Mapping[str, Methods]) -> str:
    """The whole page; `parts` as `catalogue` gives them."""
    chunks = [HEAD, *_contents(parts)]
    for part, methods in parts.items():
        title, where = TITLES[part]
        chunks += [f"## {title}\n", f"{where}\n", *_methods(methods)]
    return "\n".join([*chunks, *_errors(parts["main"])])


def _contents(parts: Mapping[str, Methods]) -> Iterator[str]:
    for part, methods in parts.items():
        names = " ".join(f"`{name}`" for name in methods.names)
        yield f"**{TITLES[part][0]}**: {names}\n"


def _methods(methods: Methods) -> Iterator[str]:
    found = methods.document()
    schemas = found["components"]["schemas"]
    for described, method in zip(found["methods"], methods.all, strict=True):
        yield f"### {described['name']}\n"
        yield f"{described['summary']} Scope: {described['x-scope']}.\n"
        if "description" in described:
            yield f"{described['description']}\n"
        yield f"```\n{method.usage}\n```\n"
        yield from (_param(one, schemas) for one in described["params"])
        yield f"- result: {_indented(described['result']['schema'], schemas)}\n"
        yield f"```\n{example_line(method, methods.path)}\n```\n"


def _param(param: Json, schemas: Json) -> str:
    schema = dict(param["schema"])
    default = schema.pop("default", None)
    told = "required" if param["required"] else "optional"
    shown = told if default is None else f"default `{msgspec.json.encode(default).decode()}`"
    return f"- `{param['name']}` ({shown}): {worded(schema, schemas)}"


def _indented(schema: Json, schemas: Json) -> str:
    first, *rest = lines_of(schema, schemas, 0)
    return "\n".join([first, *(_field(line) for line in rest)])


def _field(line: str) -> str:
    """A field's line as an item of a nested list: four spaces a level, as every reader takes."""
    words = line.lstrip()
    name, _, told = words.partition(": ")
    name, _, seldom = name.partition(" ")
    return f"{' ' * 2 * (len(line) - len(words))}- `{name}`{seldom and ' ' + seldom}: {told}"


def _errors(methods: Methods) -> Iterator[str]:
    yield "## Errors\n"
    yield "Bitcoin Core's codes. `data.rule` names the rule that refused, where one did.\n"
    yield "| code | what it says |\n|---|---|"
    for one in methods.document()["components"]["errors"].values():
        yield f"| {one['code']} | {one['message']} |"
    yield ""
