"""The tables of a home that are files of their own, and the daemon that is told to read them.

`sidechains/NAME.toml` runs a sidechain, `federations/NAME.toml` a membership. A change that the
configuration's own rules refuse is taken back before anybody is told.
"""

from __future__ import annotations

import os
import signal
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import tomli_w

from bystack.client.files import write
from bystack.mainchain.params import NETWORKS, Params, params_from
from bystack.node.config import Config, ConfigErrors, load_config
from bystack.primitives.errors import Invalid

SIDECHAINS: Final = "sidechains"
FEDERATIONS: Final = "federations"


class TableRefused(Exception):
    """The home does not take the change; the message says why, and nothing was changed."""


def table_path(home: Path, folder: str, name: str) -> Path:
    """Where an instance's table lies."""
    return home / folder / f"{name}.toml"


def put(home: Path, folder: str, name: str, table: Mapping[str, Any]) -> Config:
    """Write an instance's table; the configuration with it. Raises `TableRefused`."""
    path = table_path(home, folder, name)
    before = path.read_bytes() if path.exists() else None
    write(path, tomli_w.dumps(dict(table)).encode())
    return _judged(home, path, before)


def drop(home: Path, folder: str, name: str) -> Config:
    """Take an instance's table away; the configuration without it. Raises `TableRefused`."""
    check_own_file(home, folder, name)
    path = table_path(home, folder, name)
    before = path.read_bytes()
    path.unlink()
    return _judged(home, path, before)


def check_own_file(home: Path, folder: str, name: str) -> None:
    """Raise `TableRefused` for a table that lies in `bystack.toml`, which people write."""
    if not table_path(home, folder, name).exists():
        place = f"the table of {name} is no file {folder}/{name}.toml but stands in bystack.toml"
        raise TableRefused(f"{place}: remove it there, then send SIGHUP to bystackd")


def _judged(home: Path, path: Path, before: bytes | None) -> Config:
    try:
        return load_config(home)
    except ConfigErrors as error:
        if before is None:
            path.unlink()
        else:
            write(path, before)
        raise TableRefused(f"nothing changed:\n{error}") from None


def supervisor(home: Path) -> dict[str, Any]:
    """What the home's daemon last said of itself; empty where none runs."""
    try:
        facts = msgspec.json.decode((home / "run" / "bystackd.json").read_bytes())
        os.kill(int(facts["pid"]), 0)
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return {}
    return dict(facts)


def reload(home: Path) -> bool:
    """Have a running daemon read its configuration again (SIGHUP); False where none runs."""
    facts = supervisor(home)
    if facts:
        os.kill(int(facts["pid"]), signal.SIGHUP)
    return bool(facts)


def pids(home: Path) -> dict[tuple[str, str], int]:
    """The daemon's processes by role and name."""
    rows = supervisor(home).get("processes", [])
    return {(row["role"], row["name"]): int(row["pid"]) for row in rows}


def configuration(home: Path) -> Config:
    """The home's configuration; raises `TableRefused` with every fault of it."""
    try:
        return load_config(home)
    except ConfigErrors as error:
        raise TableRefused(str(error)) from None


def params_in(home: Path) -> Params:
    """The parameters of the home's network; raises `TableRefused`."""
    network = configuration(home).network
    if network in NETWORKS:
        return NETWORKS[network]
    try:
        return params_from(tomllib.loads((home / network).read_text()))
    except (OSError, ValueError, RecursionError, Invalid) as error:
        raise TableRefused(f"{network}: {error}") from None
