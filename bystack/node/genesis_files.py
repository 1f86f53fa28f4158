"""A sidechain's genesis as a TOML file: what operators exchange, read strictly.

The chain id hashes the genesis itself, not the file: comments and order do not matter.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

import tomli_w

from bystack.node.store import files
from bystack.primitives.errors import Invalid
from bystack.primitives.plain import from_plain, to_plain
from bystack.sidechain.consensus.scheme import BlsScheme
from bystack.sidechain.consensus.validators import ValidatorSet, check_set
from bystack.sidechain.params import MAX_GENESIS, Genesis, check_genesis


class GenesisFileError(Exception):
    """A genesis file cannot be used; the message names the file, the fault and the next step."""


def genesis_path(name: str) -> str:
    """Where a sidechain's genesis lies unless the configuration says otherwise."""
    return f"sidechains/{name}.genesis.toml"


def read_genesis(path: files.Path) -> Genesis:
    """The checked genesis in a file; raises `GenesisFileError`."""
    try:
        if os.path.getsize(path) > 8 * MAX_GENESIS:
            raise GenesisFileError(f"{path}: larger than any genesis; ask for the right file")
        table = tomllib.loads(Path(path).read_text())
        genesis: Genesis = from_plain(Genesis, table)
        check_genesis(genesis)
        _check_possession(genesis.validator_set)
    except (OSError, ValueError, RecursionError, Invalid) as error:
        raise GenesisFileError(
            f"{path}: {error}; get the file again from another member and compare its hash"
        ) from None
    return genesis


@cache
def _check_possession(validators: ValidatorSet) -> None:
    """Keys are added up to verify certificates, so each must be proved to be held (bbft.md, 9)."""
    check_set(validators, BlsScheme())


def write_genesis(path: files.Path, genesis: Genesis) -> None:
    """Write a genesis with a comment that says what it is; durable."""
    comment = (
        f"# Genesis of the sidechain {genesis.name}. Every node needs the same values.\n"
        f"# Sidechain id (hash of the values): {genesis.id.hex()}\n\n"
    )
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    files.replace(path, (comment + tomli_w.dumps(to_plain(genesis))).encode())
