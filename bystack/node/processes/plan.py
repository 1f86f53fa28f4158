"""Which processes a configuration asks for: pure, so that a test or `check` can ask too."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from bystack.node.announce import label_of
from bystack.node.config import Config
from bystack.node.processes.sandbox import Limits
from bystack.node.store.failpoints import PASSED_ON

MIB = 1024 * 1024
OPTIONS = ("-P", "-X", "no_debug_ranges")
"""Of Python: the working directory offers no modules; and where in its line an expression stands,
which only tracebacks show, is not kept (a quarter of a megabyte for each process)."""
PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")


@dataclass(frozen=True)
class RoleSpec:
    """One process: its role and instance, how to start it, what it may use.

    `settings` is a digest of the configuration it reads; when that changes it is started anew.
    After `patience` seconds without a sign of life it is taken for one that hangs.
    """

    role: str
    name: str
    argv: tuple[str, ...]
    limits: Limits
    settings: str = ""
    patience: float = 120.0

    @property
    def label(self) -> str:
        """`mainchain`, `sidechain-trade`."""
        return label_of(self.role, self.name)

    @property
    def path(self) -> str | None:
        """The RPC path it answers on, if any."""
        match self.role:
            case "mainchain":
                return ""
            case "sidechain" | "federation" | "guard":
                return f"/{self.role}/{self.name}"
            case _:
                return None


def plan(config: Config, home: str = ".", file: str = "") -> tuple[RoleSpec, ...]:
    """The processes `config` asks for, keepers of keys first.

    `file`: which file on the disk it is from (`file_of`). A confined process may read that one for
    good and none that took its name since, so what follows its tables itself is started anew.
    """
    limits = Limits(config.limits.memory_mb * MIB, config.limits.files, 0)
    lower = limits._replace(nice=config.limits.nice)
    return tuple(
        RoleSpec(
            role,
            name,
            _argv(role, name, home),
            lower if role == "sidechain" else limits,
            _digest((config.network, config.log, config.limits, tables)),
            float(config.limits.hang_seconds),
        )
        for role, name, tables in _roles(config, file)
    )


def file_of(path: str) -> str:
    """Names the file at `path` beside all others of this machine; empty where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_dev}:{found.st_ino}"


def _roles(config: Config, file: str) -> Iterator[tuple[str, str, object]]:
    validators = [one.name for one in config.sidechain if one.validator_key]
    if validators or config.federation or config.guard:
        # It follows the tables itself: a sidechain that is added must not stop others' votes.
        yield "signer", "", file
    if config.wallet.enabled:
        yield "wallet", "", ()
    if config.mainchain.mode != "off":
        yield "mainchain", "", (config.mainchain, config.mining, config.mempool)
    for sidechain in config.sidechain:
        yield "sidechain", sidechain.name, sidechain
    for member in config.federation:
        yield "federation", member.name, member
    for guard in config.guard:
        yield "guard", guard.name, guard


def _argv(role: str, name: str, home: str) -> tuple[str, ...]:
    named = ("--name", name) if name else ()
    module = f"bystack.node.roles.{role}"
    return (sys.executable, *OPTIONS, "-m", module, "--home", os.path.abspath(home), *named)


def _digest(settings: object) -> str:
    return hashlib.sha256(msgspec.json.encode(settings)).hexdigest()


def clean_environment(outer: Mapping[str, str]) -> dict[str, str]:
    """What a child may know of the environment: paths, language, Python's own settings.

    Crash points pass only when `BYSTACK_TESTING=1`.
    """
    kept = {k: v for k, v in outer.items() if k in PASSED or k.startswith("PYTHON")}
    if outer.get("BYSTACK_TESTING") == "1":
        kept |= {k: outer[k] for k in PASSED_ON if k in outer}
    return kept
