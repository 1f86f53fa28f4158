"""What `bystackd check` looks at before a node is run: each finding is a sentence with a cure."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bystack.node.config import FILE, NETWORKS, Config
from bystack.node.processes.sandbox import landlock_abi
from bystack.node.web.access import LOCAL, host_of

FREE_BYTES = 1024**3


class Finding(NamedTuple):
    """Something looked at: whether it is good, and a sentence."""

    good: bool
    text: str


def examine(home: str, config: Config) -> tuple[Finding, ...]:
    """Everything found about `home` under `config`, which has loaded."""
    return (
        Finding(True, f"{FILE} has no errors"),
        _network(home, config),
        _private_home(home),
        *_named_files(Path(home), config),
        *_apart(config),
        _disk(home),
        _exposure(config),
        _kernel(),
    )


def _network(home: str, config: Config) -> Finding:
    from bystack.node.engines import engines_of
    from bystack.node.networks import described, params_of

    own = os.path.join(home, config.network)
    try:
        params = params_of(config.network if config.network in NETWORKS else own)
        engines_of(params)
    except OSError as error:  # no such file, wrong parameters, an engine that is not there
        return Finding(False, str(error))
    return Finding(True, described(params))


def _private_home(home: str) -> Finding:
    mode = stat.S_IMODE(os.stat(home).st_mode)
    if mode & 0o077:
        return Finding(False, f"{home} is open to others ({mode:o}); chmod 700 it")
    return Finding(True, f"{home} is yours alone")


def _named_files(home: Path, config: Config) -> Iterator[Finding]:
    public = [("genesis", one.name, one.genesis) for one in config.sidechain]
    public += [("charter", one.name, one.charter) for one in config.federation]
    public += [("charter", one.name, one.charter) for one in config.guard]
    private = [("validator_key", s.name, s.validator_key) for s in config.sidechain]
    private += [("member_key", one.name, one.member_key) for one in config.federation]
    private += [("key", one.name, one.key) for one in config.guard]
    for what, name, file in public:
        there = (home / file).is_file()
        text = f"{what} of {name}: {file}" + ("" if there else " is missing; fetch or make it")
        yield Finding(there, text)
    for table in config.sidechain:
        if (home / table.genesis).is_file():
            yield from _engine(table.name, home / table.genesis)
    for what, name, file in private:
        if file:
            yield _private_file(home / file, f"{what} of {name}: {file}")


def _apart(config: Config) -> Iterator[Finding]:
    """A guard stands against the members' keys: on a member's host one break-in gets both."""
    members = {one.name for one in config.federation}
    for guard in config.guard:
        if guard.name in members:
            cure = "move one to another host: who takes this one has both powers"
            yield Finding(False, f"guard {guard.name} runs beside a member of {guard.name}; {cure}")


def _engine(name: str, path: Path) -> Iterator[Finding]:
    """A sidechain whose engine of consensus, or a module of which, is not here would not start."""
    from bystack.node.genesis_files import GenesisFileError, read_genesis
    from bystack.node.sidechain.modules import modules_of
    from bystack.primitives.errors import Invalid
    from bystack.sidechain.engines import engine_of

    try:
        genesis = read_genesis(path)
        engine_of(genesis)
        modules = modules_of(genesis).modules
    except (GenesisFileError, OSError, Invalid) as error:
        yield Finding(False, f"sidechain {name}: {error}")
    else:
        words = [genesis.consensus.type, *(one.name for one in modules)]
        yield Finding(True, f"sidechain {name}: {', '.join(words)}")


def _private_file(path: Path, text: str) -> Finding:
    if not path.is_file():
        return Finding(False, f"{text} is missing; make or restore it")
    loose = stat.S_IMODE(path.stat().st_mode) & 0o077
    return Finding(not loose, text + (" is open to others; chmod 600 it" if loose else ""))


def _disk(home: str) -> Finding:
    free = shutil.disk_usage(home).free
    return Finding(free >= FREE_BYTES, f"{free // 1024**2} MiB of disk are free (1024 are needed)")


def _exposure(config: Config) -> Finding:
    local = host_of(config.rpc.listen) in LOCAL
    good = local or bool(config.rpc.tls_certificate)
    cure = (
        "" if good else "; others see passwords: give [rpc] tls_certificate or listen on 127.0.0.1"
    )
    return Finding(good, f"RPC listens on {config.rpc.listen}{cure}")


def _kernel() -> Finding:
    abi = landlock_abi()
    words = (
        f"Landlock {abi} confines the processes" if abi else "no Landlock: processes not confined"
    )
    return Finding(True, words)
