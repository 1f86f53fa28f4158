"""The files of a federation, the same bytes for every member: charter and roster.

The charter says who may do what by names; the roster says who the names are: members with their
identities and weights, charter keys, assets. A group key's bytes come from the key generation.
"""

from __future__ import annotations

import os
from pathlib import Path

from bystack.federation.charter import Charter, parse_charter
from bystack.federation.charter_compiling import compile
from bystack.federation.messages import KeyCertificate
from bystack.federation.module.records import (
    DEFAULT_RULES,
    MAX_ENTRY,
    NAME,
    FederationConfig,
    KeyEpoch,
    Newcomer,
    seated,
)
from bystack.federation.roster_file import (
    RosterFile,
    RosterFileInvalid,
    assets_of,
    keys_of,
    parse_roster,
    roster_of,
    seat_of,
)
from bystack.federation.session import Kind, Session
from bystack.ledger.terms import Terms
from bystack.node.store import files
from bystack.primitives.codec import decode
from bystack.primitives.errors import Invalid
from bystack.sidechain.params import Genesis

MAX_FILE = 1_000_000


class FederationFileError(Exception):
    """A federation's file cannot be used; the message names the file, fault and next step."""


def charter_path(name: str) -> str:
    """Where a federation's charter lies unless the configuration says otherwise."""
    return f"federations/{name}.charter.toml"


def roster_path(name: str) -> str:
    """Where a federation's roster lies."""
    return f"federations/{name}.roster.toml"


def _read(path: files.Path) -> bytes:
    try:
        if os.path.getsize(path) > MAX_FILE:
            raise FederationFileError(f"{path}: too large; get the file again")
        return Path(path).read_bytes()
    except OSError as error:
        raise FederationFileError(
            f"{path}: {error.strerror}; every member needs the same file"
        ) from None


def read_charter(path: files.Path) -> Charter:
    """The checked charter in a file; raises `FederationFileError` naming every fault."""
    try:
        return parse_charter(_read(path))
    except Invalid as error:
        raise FederationFileError(f"{path}: {error}") from None


def read_roster(path: files.Path) -> RosterFile:
    """The roster in a file; raises `FederationFileError`."""
    try:
        return parse_roster(_read(path))
    except RosterFileInvalid as error:
        raise FederationFileError(f"{path}: {error}; compare it with another member's") from None


def session_of(chain: bytes, charter: Charter, file: RosterFile, attempt: int) -> Session:
    """The session of the first group key (epoch 0) under a charter; every member derives it."""
    return Session(chain, charter.hash, 0, attempt, int(Kind.FRESH), roster_of(file), ())


def terms_of(charter: Charter, file: RosterFile, group: bytes) -> Terms:
    """The vault's terms: every member compiles them and compares. `group`: the group key."""
    keys = keys_of(file) | dict.fromkeys(charter.group_keys, group)
    return compile(charter, keys, assets_of(file))


def first_key(genesis: Genesis) -> bytes | None:
    """The group key that a sidechain's federation began with; None without its module."""
    for module in genesis.modules:
        if module.name == NAME:
            return decode(FederationConfig, module.config, MAX_ENTRY).key.key
    return None


def module_config(
    charter: Charter, file: RosterFile, certificate: KeyCertificate
) -> FederationConfig:
    """The genesis of the federation's sidechain module, with the first key as certified."""
    session = certificate.session
    newcomers = tuple(Newcomer(seat_of(one), bytes.fromhex(one.governance)) for one in file.member)
    key = KeyEpoch(
        epoch=session.epoch,
        kind=session.kind,
        session=session.id,
        key=certificate.key,
        polynomial=certificate.polynomial,
        roster=session.roster,
        since=0,
    )
    standing = seated(charter.hash, file.threshold, newcomers)
    return FederationConfig(session.chain, standing, key, DEFAULT_RULES)
