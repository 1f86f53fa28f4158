"""Reads a node's TOML strictly: every error at once, each with file, table, key, value and cure."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from bystack.node.config.across import across, table_at
from bystack.node.config.faults import ConfigError, ConfigErrors, nearest, shown_value
from bystack.node.config.tables import (
    FILE,
    IN_FORCE,
    Config,
    Federation,
    Sidechain,
    Table,
)

MAX_FILE = 1024 * 1024


class _Field(NamedTuple):
    kind: Any
    required: bool


def table_of(kind: Any) -> type[Table] | None:
    """The table type behind a field's type: a table itself, or the element of a list of tables."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and issubclass(kind, Table) else None


def _fields(kind: type[Table]) -> dict[str, _Field]:
    hints = get_type_hints(kind, include_extras=True)
    return {f.name: _Field(hints[f.name], f.required) for f in msgspec.structs.fields(kind)}


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple


def expectation(kind: Any) -> str:
    """What a field's type accepts, in words."""
    parts: list[str] = []
    node = msgspec.inspect.type_info(kind)
    while isinstance(node, msgspec.inspect.Metadata):
        node = node.type
    match node:
        case msgspec.inspect.LiteralType(values=values):
            parts = [" | ".join(f'"{value}"' for value in values)]
        case msgspec.inspect.IntType(ge=low, le=high) if low is not None and high is not None:
            parts = [f"an integer from {low} to {high}"]
        case msgspec.inspect.IntType():
            parts = ["an integer"]
        case msgspec.inspect.BoolType():
            parts = ["true or false"]
        case msgspec.inspect.StrType():
            parts = [_form(kind)]
        case msgspec.inspect.VarTupleType():
            parts = ["a list, each " + expectation(get_args(_bare(kind))[0])]
        case msgspec.inspect.DictType():
            key, value = get_args(_bare(kind))
            parts = [f"a table of {expectation(key)} = {expectation(value)}"]
    return "".join(parts) or "another type"


def _bare(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind


def _form(kind: Any) -> str:
    # A named form (`Address`) describes itself; the field's own note, added outside, its use.
    notes = [meta for meta in get_args(kind)[1:] if isinstance(meta, msgspec.Meta)]
    named = len(notes) > 1 or any(note.pattern for note in notes)
    return (named and notes[0].description) or "a text"


class _Check:
    """Walks one file's data beside the types and gathers what does not fit."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[ConfigError] = []

    def add(self, table: str, key: str, given: Any, expected: str, hint: str = "") -> None:
        """A fault at `key` of `table`."""
        shown = "" if given is None else shown_value(given)
        self.errors.append(ConfigError(self.file, table, key, shown, expected, hint))

    def missing(self, table: str, key: str, kind: Any) -> None:
        """A required key that is not there."""
        self.errors.append(ConfigError(self.file, table, key, "missing", expectation(kind)))

    def table(self, kind: type[Table], data: Any, path: str) -> None:
        """Check every key of a table."""
        if not isinstance(data, dict):
            self.add("", path, data, f"a table [{path}]")
            return
        fields = _fields(kind)
        for key, value in data.items():
            if key not in fields:
                hint = nearest(key, list(fields))
                self.add(path, key, value, "no such key" if path else "no such key or table", hint)
            else:
                self.value(fields[key].kind, value, path, key)
        for key, field in fields.items():
            if field.required and key not in data:
                self.missing(path, key, field.kind)

    def value(self, kind: Any, value: Any, path: str, key: str) -> None:
        """Check one key: a leaf, a table or a list of tables."""
        inner, below = table_of(kind), f"{path}.{key}".lstrip(".")
        if inner is None:
            self.leaf(kind, value, path, key)
        elif not _is_list(kind):
            self.table(inner, value, below)
        elif isinstance(value, list):
            for index, one in enumerate(value):
                name = one.get("name") if isinstance(one, dict) else None
                self.table(inner, one, f'{below} "{name}"' if name else f"{below} #{index + 1}")
        else:
            self.add(path, key, value, f"a list of tables [[{below}]]")

    def leaf(self, kind: Any, value: Any, path: str, key: str) -> None:
        """Check a value that is no table."""
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            expected = expectation(kind)
            words = re.findall('"([^"]+)"', expected) if " | " in expected else []
            wrong = [value] if isinstance(value, str) else _unknown(value, words)
            hint = next(filter(None, (nearest(one, words) for one in wrong)), "")
            self.add(path, key, value, expected, f'"{hint}"' if hint else "")


def _unknown(value: Any, words: list[str]) -> list[str]:
    """The words of a table of texts that are none of the known ones."""
    found = value.items() if isinstance(value, dict) else ()
    return [word for pair in found for word in pair if word not in words and type(word) is str]


def _read(path: Path, shown: str) -> tuple[dict[str, Any], list[ConfigError]]:
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_FILE:
            return {}, [ConfigError(shown, "", "the file", "", f"at most {MAX_FILE} bytes")]
        return tomllib.loads(raw.decode()), []
    except FileNotFoundError:
        return {}, [
            ConfigError(
                shown, "", "", "missing", f"a file; make one: bystackd init --home {path.parent}"
            )
        ]
    # ValueError: no UTF-8, no TOML, or a number of more digits than Python reads.
    except (OSError, ValueError, RecursionError) as error:
        return {}, [ConfigError(shown, "", "the file", "", f"readable TOML ({error})")]


FOLDERS: tuple[tuple[str, type[Table]], ...] = (
    ("sidechains", Sidechain),
    ("federations", Federation),
)
"""Where a table may lie as a file of its own, named as its instance: `sidechains/trade.toml`."""


def _table_files(home: Path, folder: str) -> list[Path]:
    """The tables' files; `trade.genesis.toml` and its like are other things about `trade`."""
    return [file for file in sorted((home / folder).glob("*.toml")) if "." not in file.stem]


def _read_tables(
    home: Path, folder: str, kind: type[Table]
) -> tuple[list[tuple[str, dict[str, Any]]], list[ConfigError]]:
    found, errors = [], []
    for file in _table_files(home, folder):
        shown = f"{folder}/{file.name}"
        one, faults = _read(file, shown)
        check = _Check(shown)
        if not faults:
            check.table(kind, one, "")
        errors += faults + check.errors
        found.append((shown, one))
    return found, errors


def own_file(home: Path) -> Path:
    """`bystack.toml`; what the supervisor read of it last where this process may not read it."""
    try:
        (home / FILE).open("rb").close()
    except PermissionError:
        return home / IN_FORCE / FILE
    except OSError:
        return home / FILE
    return home / FILE


def load_config(home: str | Path) -> Config:
    """The configuration of `home`: `bystack.toml`, and the files of sidechains and memberships.

    Raises `ConfigErrors` with every fault of every file.
    """
    home = Path(home)
    data, errors = _read(own_file(home), FILE)
    check = _Check(FILE)
    if not errors:
        check.table(Config, data, "")
    errors += check.errors
    (extra, faults), (members, more) = (_read_tables(home, *place) for place in FOLDERS)
    errors += faults + more
    faulty = {table_at(error) for error in errors}
    own = {"sidechain": extra, "federation": members}
    errors += across(home, data, own, faulty)
    if errors:
        raise ConfigErrors(tuple(errors))
    every = {kind: [*data.get(kind, []), *(one for _, one in own[kind])] for kind in own}
    return msgspec.convert({**data, **every}, Config)


def parse_config(text: str) -> Config:
    """The configuration in `text` alone. Raises `ConfigErrors`."""
    check = _Check(FILE)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        fault = ConfigError(FILE, "", "the file", "", f"readable TOML ({error})")
        raise ConfigErrors((fault,)) from None
    check.table(Config, data, "")
    if check.errors:
        raise ConfigErrors(tuple(check.errors))
    return msgspec.convert(data, Config)
