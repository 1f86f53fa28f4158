"""Faults that lie between the keys of a configuration, each of which would do alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bystack.node.config.faults import ConfigError, nearest, shown_value
from bystack.node.config.tables import FILE, LEAST_KEPT, NETWORKS, Config

Extra = tuple[str, dict[str, Any]]
"""A table from a file of its own: that file, as shown, and what it says."""
Own = Mapping[str, list[Extra]]
"""The tables from files of their own, by kind: `sidechain`, `federation`."""


def table_at(error: ConfigError) -> str:
    """The top-level table (or key) that a fault lies in; "" for a whole file that is unreadable."""
    folder = error.file.partition("/")[0]
    own = re.split(r"[ .]", error.table or error.key)[0] if error.key != "the file" else ""
    return {"sidechains": "sidechain", "federations": "federation"}.get(folder, own)


def across(home: Path, data: dict[str, Any], own: Own, faulty: set[str]) -> Iterator[ConfigError]:
    """Faults that lie between keys: names twice, ports twice, half a TLS pair.

    Each is looked for where the tables that it lies between have no faults of their own, so that
    one mistake neither hides another nor is told twice.
    """
    between: tuple[tuple[str, Iterator[ConfigError]], ...] = (
        ("network", _network(home, data)),
        ("rpc", _tls(data)),
        ("guard sidechain", _guards(data, own)),
        ("mainchain mining federation guard", _light(data, own)),
        ("mainchain sidechain federation guard", _pruning(data, own)),
        ("sidechain federation guard", _doubled_names(data, own)),
        ("federation", _upstreams(data, own)),
        ("mainchain rpc sidechain federation", _listening(data, own)),
    )
    for tables, found in between:
        if "" not in faulty and not faulty & set(tables.split()):
            yield from found


def _placed(data: dict[str, Any], own: Own, table: str) -> list[Extra]:
    """Every table of a kind, each with the file it stands in."""
    return [*((FILE, one) for one in data.get(table, [])), *own.get(table, [])]


def _network(home: Path, data: dict[str, Any]) -> Iterator[ConfigError]:
    network = data["network"]
    if network not in NETWORKS and not (home / network).is_file():
        hint = nearest(network, list(NETWORKS))
        wanted = '"main", "test", "regtest" or a path to a genesis file'
        yield ConfigError(
            FILE, "", "network", shown_value(network), wanted, f'"{hint}"' if hint else ""
        )


def _tls(data: dict[str, Any]) -> Iterator[ConfigError]:
    rpc = data.get("rpc", {})
    if bool(rpc.get("tls_certificate")) != bool(rpc.get("tls_key")):
        yield ConfigError(FILE, "rpc", "tls_key", "", "certificate and key together, or neither")


def _guards(data: dict[str, Any], own: Own) -> Iterator[ConfigError]:
    """A guard believes its own follower of the sidechain only, so the node must run one."""
    followed = {one["name"] for _, one in _placed(data, own, "sidechain")}
    for guard in data.get("guard", []):
        if guard["name"] not in followed:
            wanted = "the name of a [[sidechain]] of this node: a guard believes no other node"
            yield ConfigError(FILE, "guard", "name", shown_value(guard["name"]), wanted)


def _light(data: dict[str, Any], own: Own) -> Iterator[ConfigError]:
    """Who must not run on headers alone: whoever signs for a vault or against one, and miners."""
    main = data.get("mainchain", {})
    if main.get("mode") != "light":
        return
    for table in ("federation", "guard"):
        for _, one in _placed(data, own, table):
            why = "a light client would take an invalid block with enough work for good"
            wanted = f'"full": [[{table}]] {one["name"]} signs over a vault, and {why}'
            yield ConfigError(FILE, "mainchain", "mode", '"light"', wanted)
    if threads := data.get("mining", {}).get("threads", 0):
        wanted = '0 with mode "light": a block is made of every block before it'
        yield ConfigError(FILE, "mining", "threads", shown_value(threads), wanted)
    if keep := main.get("prune", 0):
        wanted = '0 with mode "light", which keeps no blocks'
        yield ConfigError(FILE, "mainchain", "prune", shown_value(keep), wanted)
    if main.get("index_addresses"):
        wanted = 'false with mode "light", which knows no coins but its own'
        yield ConfigError(FILE, "mainchain", "index_addresses", "true", wanted)


def _pruning(data: dict[str, Any], own: Own) -> Iterator[ConfigError]:
    """A pruning node keeps enough to follow reorganisations, and serves nobody who reads it all."""
    keep = data.get("mainchain", {}).get("prune", 0)
    readers = [table for table in ("sidechain", "federation", "guard") if _placed(data, own, table)]
    if 0 < keep < LEAST_KEPT:
        wanted = f"0 (all blocks), or at least {LEAST_KEPT}"
        yield ConfigError(FILE, "mainchain", "prune", shown_value(keep), wanted)
    if keep and data["mainchain"].get("index_addresses"):
        wanted = "false with prune: the index is made of all blocks"
        yield ConfigError(FILE, "mainchain", "index_addresses", "true", wanted)
    if keep >= LEAST_KEPT and readers:
        wanted = f"0: [[{readers[0]}]] reads old main-chain blocks at each start"
        yield ConfigError(FILE, "mainchain", "prune", shown_value(keep), wanted)


def _upstreams(data: dict[str, Any], own: Own) -> Iterator[ConfigError]:
    """A signer that waits for more main-chain nodes than are named would never sign."""
    for file, one in _placed(data, own, "federation"):
        most = 1 + len(set(one.get("upstream_peers", ())))
        if (needed := one.get("upstreams", 1)) > most:
            wanted = f"at most {most}: the own node and those of upstream_peers"
            yield ConfigError(file, "federation", "upstreams", shown_value(needed), wanted)


def _doubled_names(data: dict[str, Any], own: Own) -> Iterator[ConfigError]:
    for table in ("sidechain", "federation", "guard"):
        seen: set[str] = set()
        for file, one in _placed(data, own, table):
            if one["name"] in seen:
                yield ConfigError(file, table, "name", shown_value(one["name"]), "a name used once")
            seen.add(one["name"])


def _listening(data: dict[str, Any], own: Own) -> Iterator[ConfigError]:
    single = [(FILE, t, data.get(t, {})) for t in ("mainchain", "rpc")]
    kinds = ("sidechain", "federation")
    many = [(file, t, one) for t in kinds for file, one in _placed(data, own, t)]
    seen = _defaults(data)
    for file, table, one in single + many:
        address = one.get("listen")
        if address is None:
            continue
        if int(address.rpartition(":")[2]) and address in seen:
            yield ConfigError(file, table, "listen", shown_value(address), "an address used once")
        seen.add(address)


def _defaults(data: dict[str, Any]) -> set[str]:
    plain = Config(network="regtest")
    return {
        getattr(plain, table).listen
        for table in ("mainchain", "rpc")
        if "listen" not in data.get(table, {})
    }
