"""Writes configuration: the commented file of `bystackd init`, `config docs`, `config show`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec

from bystack.node.config.loading import expectation, table_of
from bystack.node.config.tables import Config, Table

WIDTH = 96

EXAMPLES: dict[str, dict[str, Any]] = {
    "sidechain": {
        "name": "trade",
        "genesis": "sidechains/trade.genesis.toml",
        "listen": "127.0.0.1:9737",
        "validator_key": "keys/trade.key",
    },
    "federation": {
        "name": "trade",
        "listen": "127.0.0.1:9738",
        "member_key": "keys/member.key",
        "charter": "federations/trade.charter.toml",
    },
    "guard": {
        "name": "trade",
        "key": "keys/tower-1.named.key",
        "charter": "federations/trade.charter.toml",
    },
}


def toml_value(value: Any) -> str:
    """A value as TOML: text, integer, flag, list, table of texts."""
    match value:
        case dict():
            inner = ", ".join(f"{key} = {toml_value(one)}" for key, one in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case list() | tuple():
            return "[" + ", ".join(map(toml_value, value)) + "]"
        case _:
            return msgspec.json.encode(value).decode()


def use(kind: Any) -> str:
    """What a field is for: the outermost note of its type."""
    notes = [meta.description for meta in get_args(kind)[1:] if isinstance(meta, msgspec.Meta)]
    return next((note for note in reversed(notes) if note), "")


def documented(kind: type[Table]) -> Iterator[tuple[str, Any, Any, bool]]:
    """Each field of a table: name, type, default, whether it is required."""
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        default = field.default
        if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        yield field.name, hints[field.name], default, field.required


def _comment(name: str, kind: Any) -> list[str]:
    text = f"{name}: {use(kind)}. Accepts {expectation(kind)}."
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="#   ")


def sentence(kind: type[Table]) -> str:
    """What a table is about."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def _plain_table(name: str, kind: type[Table]) -> list[str]:
    lines = ["", f"# {sentence(kind)}", f"[{name}]"]
    for key, field, default, _ in documented(kind):
        lines += [*_comment(key, field), f"{key} = {toml_value(default)}"]
    return lines


def _example_table(name: str, kind: type[Table]) -> list[str]:
    lines = [
        "",
        f"# {sentence(kind)} One [[{name}]] table each; remove the # to use it.",
        f"#[[{name}]]",
    ]
    for key, field, default, _ in documented(kind):
        value = EXAMPLES[name].get(key, default)
        lines += [*_comment(key, field), f"#{key} = {toml_value(value)}"]
    return lines


def commented_config(network: str = "regtest") -> str:
    """A `bystack.toml` for `network` that loads as it is: every key explained, at its default."""
    lines = [
        "# The configuration of a Bystack node. `bystackd config check` reads it; SIGHUP makes"
    ]
    lines += [
        "# a running daemon take over what it can, and say what it cannot (docs/configuration.md).",
        "",
    ]
    for key, field, _, _ in documented(Config):
        table = table_of(field)
        if table is None:
            lines += [*_comment(key, field), f"{key} = {toml_value(network)}"]
        elif key in EXAMPLES:
            lines += _example_table(key, table)
        else:
            lines += _plain_table(key, table)
    return "\n".join(lines) + "\n"


def config_docs() -> str:
    """Every table and key with type, default and meaning, for reading."""
    lines = []
    for name, field, _, _ in documented(Config):
        table = table_of(field)
        if table is None:
            lines += [f"{name} (required)", f"    {use(field)}"]
            continue
        bars = f"[[{name}]]" if name in EXAMPLES else f"[{name}]"
        lines += ["", f"{bars}  {sentence(table)}"]
        for key, kind, default, required in documented(table):
            state = "required" if required else f"default {toml_value(default)}"
            lines += [f"  {key} ({state})", f"    {use(kind)}; {expectation(kind)}"]
    return "\n".join(lines) + "\n"


def shown_config(config: Config) -> str:
    """The configuration in force as TOML, defaults included."""
    data = msgspec.to_builtins(config)
    lines = [f"network = {toml_value(data['network'])}"]
    for name, value in data.items():
        if isinstance(value, dict):
            lines += ["", f"[{name}]", *(f"{k} = {toml_value(v)}" for k, v in value.items())]
        for one in value if isinstance(value, list | tuple) else ():
            lines += ["", f"[[{name}]]", *(f"{k} = {toml_value(v)}" for k, v in one.items())]
    return "\n".join(lines) + "\n"
