"""Reads a node's TOML strictly: every error at once, each with file, table, key, value and cure."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from bystack.node.config.tables import (
    FILE,
    IN_FORCE,
    LEAST_KEPT,
    NETWORKS,
    Config,
    Federation,
    Sidechain,
    Table,
)

MAX_FILE = 1024 * 1024
SHOWN = 60


class ConfigError(NamedTuple):
    """One fault of a configuration."""

    file: str
    table: str
    key: str
    given: str
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        place = (
            f"{self.file}: [{self.table}] {self.key}" if self.table else f"{self.file}: {self.key}"
        )
        given = f" is {self.given}" if self.given else ""
        hint = f"; did you mean {self.hint}?" if self.hint else ""
        return f"{place.rstrip()}{given}, expected {self.expected}{hint}"


class ConfigErrors(Exception):
    """Everything that is wrong with a configuration, in `errors`."""

    def __init__(self, errors: tuple[ConfigError, ...]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


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


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _nearest(word: str, known: list[str]) -> str:
    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.6)), "")


class _Check:
    """Walks one file's data beside the types and gathers what does not fit."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[ConfigError] = []

    def add(self, table: str, key: str, given: Any, expected: str, hint: str = "") -> None:
        """A fault at `key` of `table`."""
        shown = "" if given is None else _shown(given)
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
                hint = _nearest(key, list(fields))
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
            wrong = value if isinstance(value, str) else _unknown(value, words)
            hint = _nearest(wrong, words)
            self.add(path, key, value, expected, f'"{hint}"' if hint else "")


def _unknown(value: Any, words: list[str]) -> str:
    """The first word of a table of texts that is none of the known ones."""
    found = value.items() if isinstance(value, dict) else ()
    given = (word for pair in found for word in pair if isinstance(word, str))
    return next((word for word in given if word not in words), "")


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
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
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
    if not errors and members:
        data["federation"] = [*data.get("federation", []), *(one for _, one in members)]
    if not errors:
        errors += _across(home, data, extra)
    if errors:
        raise ConfigErrors(tuple(errors))
    sidechains = [*data.get("sidechain", []), *(one for _, one in extra)]
    return msgspec.convert({**data, "sidechain": sidechains}, Config)


def parse_config(text: str) -> Config:
    """The configuration in `text` alone. Raises `ConfigErrors`."""
    check = _Check(FILE)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fault = ConfigError(FILE, "", "the file", "", f"readable TOML ({error})")
        raise ConfigErrors((fault,)) from None
    check.table(Config, data, "")
    if check.errors:
        raise ConfigErrors(tuple(check.errors))
    return msgspec.convert(data, Config)


def _across(
    home: Path, data: dict[str, Any], extra: list[tuple[str, dict[str, Any]]]
) -> Iterator[ConfigError]:
    """Faults that lie between keys: names twice, ports twice or too large, half a TLS pair."""
    network = data["network"]
    if network not in NETWORKS and not (home / network).is_file():
        hint = _nearest(network, list(NETWORKS))
        wanted = '"main", "test", "regtest" or a path to a genesis file'
        yield ConfigError(FILE, "", "network", _shown(network), wanted, f'"{hint}"' if hint else "")
    rpc = data.get("rpc", {})
    if bool(rpc.get("tls_certificate")) != bool(rpc.get("tls_key")):
        yield ConfigError(FILE, "rpc", "tls_key", "", "certificate and key together, or neither")
    yield from _guards(data, extra)
    yield from _light(data)
    yield from _pruning(data, extra)
    yield from _doubled_names(data, extra)
    yield from _upstreams(data)
    yield from _listening(data, extra)


def _guards(data: dict[str, Any], extra: list[tuple[str, dict[str, Any]]]) -> Iterator[ConfigError]:
    """A guard believes its own follower of the sidechain only, so the node must run one."""
    followed = {one["name"] for one in [*data.get("sidechain", []), *(one for _, one in extra)]}
    for guard in data.get("guard", []):
        if guard["name"] not in followed:
            wanted = "the name of a [[sidechain]] of this node: a guard believes no other node"
            yield ConfigError(FILE, "guard", "name", _shown(guard["name"]), wanted)


def _light(data: dict[str, Any]) -> Iterator[ConfigError]:
    """Who must not run on headers alone: whoever signs for a vault or against one, and miners."""
    main = data.get("mainchain", {})
    if main.get("mode") != "light":
        return
    for table in ("federation", "guard"):
        for one in data.get(table, []):
            why = "a light client would take an invalid block with enough work for good"
            wanted = f'"full": [[{table}]] {one["name"]} signs over a vault, and {why}'
            yield ConfigError(FILE, "mainchain", "mode", '"light"', wanted)
    if threads := data.get("mining", {}).get("threads", 0):
        wanted = '0 with mode "light": a block is made of every block before it'
        yield ConfigError(FILE, "mining", "threads", _shown(threads), wanted)
    if keep := main.get("prune", 0):
        wanted = '0 with mode "light", which keeps no blocks'
        yield ConfigError(FILE, "mainchain", "prune", _shown(keep), wanted)
    if main.get("index_addresses"):
        wanted = 'false with mode "light", which knows no coins but its own'
        yield ConfigError(FILE, "mainchain", "index_addresses", "true", wanted)


def _pruning(
    data: dict[str, Any], extra: list[tuple[str, dict[str, Any]]]
) -> Iterator[ConfigError]:
    """A pruning node keeps enough to follow reorganisations, and serves nobody who reads it all."""
    keep = data.get("mainchain", {}).get("prune", 0)
    readers = [table for table in ("sidechain", "federation", "guard") if data.get(table)]
    if 0 < keep < LEAST_KEPT:
        wanted = f"0 (all blocks), or at least {LEAST_KEPT}"
        yield ConfigError(FILE, "mainchain", "prune", _shown(keep), wanted)
    if keep and data["mainchain"].get("index_addresses"):
        wanted = "false with prune: the index is made of all blocks"
        yield ConfigError(FILE, "mainchain", "index_addresses", "true", wanted)
    if keep >= LEAST_KEPT and (readers or extra):
        table = readers[0] if readers else "sidechain"
        wanted = f"0: [[{table}]] reads old main-chain blocks at each start"
        yield ConfigError(FILE, "mainchain", "prune", _shown(keep), wanted)


def _upstreams(data: dict[str, Any]) -> Iterator[ConfigError]:
    """A signer that waits for more main-chain nodes than are named would never sign."""
    for one in data.get("federation", []):
        most = 1 + len(set(one.get("upstream_peers", ())))
        if (needed := one.get("upstreams", 1)) > most:
            wanted = f"at most {most}: the own node and those of upstream_peers"
            yield ConfigError(FILE, "federation", "upstreams", _shown(needed), wanted)


def _doubled_names(
    data: dict[str, Any], extra: list[tuple[str, dict[str, Any]]]
) -> Iterator[ConfigError]:
    for table in ("sidechain", "federation", "guard"):
        seen: set[str] = set()
        placed = [(FILE, one) for one in data.get(table, [])]
        for file, one in placed + (extra if table == "sidechain" else []):
            if one["name"] in seen:
                yield ConfigError(file, table, "name", _shown(one["name"]), "a name used once")
            seen.add(one["name"])


def _listening(
    data: dict[str, Any], extra: list[tuple[str, dict[str, Any]]]
) -> Iterator[ConfigError]:
    single = [(FILE, t, data.get(t, {})) for t in ("mainchain", "rpc")]
    many = [(FILE, t, one) for t in ("sidechain", "federation") for one in data.get(t, [])]
    seen = _defaults(data)
    for file, table, one in single + many + [(file, "sidechain", one) for file, one in extra]:
        address = one.get("listen")
        if address is None:
            continue
        port = int(address.rpartition(":")[2])
        if port > 65535:
            yield ConfigError(file, table, "listen", _shown(address), "a port up to 65535")
        elif port and address in seen:
            yield ConfigError(file, table, "listen", _shown(address), "an address used once")
        seen.add(address)


def _defaults(data: dict[str, Any]) -> set[str]:
    plain = Config(network="regtest")
    return {
        getattr(plain, table).listen
        for table in ("mainchain", "rpc")
        if "listen" not in data.get(table, {})
    }
