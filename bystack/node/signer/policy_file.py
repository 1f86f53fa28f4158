"""The member's policy file, `federations/NAME.policy.toml`: read again whenever it changed.

A file that is faulty binds as one that allows nothing: it says what it does not mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from bystack.federation.charter import ListedAsset
from bystack.federation.policies.policy import OPEN, Policy
from bystack.federation.policies.reading import parse_policy
from bystack.node import federation_files
from bystack.node.federation_files import FederationFileError
from bystack.primitives.errors import Invalid

MAX_FILE: Final = 1_000_000
NONE: Final = bytes(32)


class Read(NamedTuple):
    """A policy and its file's digest (zeros: there is no file); what is wrong with it, if it is."""

    policy: Policy
    digest: bytes
    fault: str


def policy_path(name: str) -> str:
    """Where a member's policy for a federation lies."""
    return f"federations/{name}.policy.toml"


def assets_of(name: str) -> Mapping[str, ListedAsset]:
    """The assets that the federation's roster names; raises `FederationFileError`."""
    roster = federation_files.read_roster(federation_files.roster_path(name))
    return {
        asset: ListedAsset(bytes.fromhex(entry.id), entry.decimals)
        for asset, entry in roster.assets.items()
    }


def read_policy(name: str, hrp: str) -> Read:
    """The policy as it stands in the file now; `hrp`: the main chain's address prefix."""
    path = policy_path(name)
    if not os.path.lexists(path):
        return Read(OPEN, NONE, "")
    try:
        if os.path.getsize(path) > MAX_FILE:
            return Read(OPEN, sha256(b"").digest(), f"{path}: larger than {MAX_FILE} bytes")
        data = Path(path).read_bytes()
    except OSError as error:
        return Read(OPEN, sha256(b"").digest(), f"{path}: {error.strerror}")
    digest = sha256(data).digest()
    try:
        return Read(parse_policy(data, assets_of(name), hrp), digest, "")
    except (Invalid, FederationFileError) as error:
        return Read(OPEN, digest, f"{path}: {error}")


class PolicyFile:
    """The file of one federation, watched by its status."""

    def __init__(self, name: str, hrp: str) -> None:
        self._name, self._hrp = name, hrp
        self._paths = (policy_path(name), federation_files.roster_path(name))
        self._stamps: tuple[object, ...] = ()
        self._read = Read(OPEN, NONE, "")

    @property
    def now(self) -> Read:
        """What binds now."""
        stamps = tuple(map(_stamp, self._paths))
        if stamps != self._stamps:
            self._read = read_policy(self._name, self._hrp)
            self._stamps = stamps
        return self._read


def _stamp(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
