"""The files of a federation, the same bytes for every member: charter and roster.

The charter says who may do what by names; the roster says who the names are: members with their
identities and weights, charter keys, assets. A group key's bytes come from the key generation.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from bystack.federation.charter import Charter, ListedAsset, compile, parse_charter
from bystack.federation.members import MemberRepeated, Roster, Seat, seat
from bystack.federation.messages import KeyCertificate
from bystack.federation.module.records import (
    DEFAULT_RULES,
    FederationConfig,
    KeyEpoch,
    Newcomer,
    seated,
)
from bystack.federation.session import Kind, Session
from bystack.ledger.terms import Terms
from bystack.node.store import files
from bystack.primitives.errors import Invalid

MAX_FILE = 1_000_000

Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class FederationFileError(Exception):
    """A federation's file cannot be used; the message names the file, fault and next step."""


class MemberEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A member: Ed25519 identity, node id, weight, governance key (Schnorr), fee recipient."""

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    identity: Hex32
    node: Hex32
    weight: Annotated[int, Meta(ge=1, le=128)]
    governance: Hex32
    recipient: Hex32


class AssetEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """What a name of an asset in the charter stands for."""

    id: Hex32
    decimals: Annotated[int, Meta(ge=0, le=18)]


class RosterFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`federations/NAME.roster.toml`."""

    threshold: Annotated[int, Meta(ge=1, le=128)]
    member: Annotated[list[MemberEntry], Meta(min_length=1, max_length=64)]
    keys: dict[str, Hex32] = {}
    assets: dict[str, AssetEntry] = {}


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
        return msgspec.toml.decode(_read(path), type=RosterFile)
    except (msgspec.MsgspecError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FederationFileError(f"{path}: {error}; compare it with another member's") from None


def roster_of(file: RosterFile) -> Roster:
    """Members with share indices; raises `InvalidRoster`.

    Governance keys differ too: one person's signature must not count as two members'.
    """
    keys = [entry.governance for entry in file.member]
    for key in keys:
        if keys.count(key) > 1:
            raise MemberRepeated(field="governance", value=bytes.fromhex(key))
    return seat(file.threshold, [_seat(entry) for entry in file.member])


def _seat(entry: MemberEntry) -> Seat:
    return Seat(
        entry.name.encode(),
        bytes.fromhex(entry.identity),
        bytes.fromhex(entry.node),
        entry.weight,
        bytes.fromhex(entry.recipient),
    )


def session_of(chain: bytes, charter: Charter, file: RosterFile, attempt: int) -> Session:
    """The session of the first group key (epoch 0) under a charter; every member derives it."""
    return Session(chain, charter.hash, 0, attempt, int(Kind.FRESH), roster_of(file), ())


def terms_of(charter: Charter, file: RosterFile, group: bytes) -> Terms:
    """The vault's terms: every member compiles them and compares. `group`: the group key."""
    keys = {name: bytes.fromhex(key) for name, key in file.keys.items()}
    keys |= dict.fromkeys(charter.group_keys, group)
    assets = {
        name: ListedAsset(bytes.fromhex(entry.id), entry.decimals)
        for name, entry in file.assets.items()
    }
    return compile(charter, keys, assets)


def module_config(
    charter: Charter, file: RosterFile, certificate: KeyCertificate
) -> FederationConfig:
    """The genesis of the federation's sidechain module, with the first key as certified."""
    session = certificate.session
    newcomers = tuple(Newcomer(_seat(one), bytes.fromhex(one.governance)) for one in file.member)
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
