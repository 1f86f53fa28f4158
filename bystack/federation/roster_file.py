"""The roster as a file: who the names of a charter stand for, the same bytes for every member.

Members with identities and weights, charter keys, assets. A group key's bytes come from the key
generation, so they are not here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from bystack.federation.charter import ListedAsset
from bystack.federation.members import MemberRepeated, Roster, Seat, seat
from bystack.primitives.errors import Invalid

MAX_ROSTER = 1_000_000

Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class RosterFileInvalid(Invalid):
    """The roster is no TOML of the form it must have."""


class MemberEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A member: Ed25519 identity, node id, weight, governance key (Schnorr), fee recipient.

    `holds`: the charter keys that this operator keeps too, for whoever robs one robs it of all.
    """

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    identity: Hex32
    node: Hex32
    weight: Annotated[int, Meta(ge=1, le=128)]
    governance: Hex32
    recipient: Hex32
    holds: Annotated[list[str], Meta(max_length=32)] = []


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


def parse_roster(data: bytes) -> RosterFile:
    """The roster in these bytes, not yet seated; raises `RosterFileInvalid`."""
    if len(data) > MAX_ROSTER:
        raise RosterFileInvalid(length=len(data), most=MAX_ROSTER)
    try:
        return msgspec.toml.decode(data, type=RosterFile)
    except (msgspec.MsgspecError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RosterFileInvalid(reason=str(error)) from None
    except RecursionError:
        raise RosterFileInvalid(reason="nested too deep") from None


def roster_of(file: RosterFile) -> Roster:
    """Members with share indices; raises `InvalidRoster`.

    Governance keys differ too: one person's signature must not count as two members'.
    """
    keys = [entry.governance for entry in file.member]
    for key in keys:
        if keys.count(key) > 1:
            raise MemberRepeated(field="governance", value=bytes.fromhex(key))
    return seat(file.threshold, [seat_of(entry) for entry in file.member])


def seat_of(entry: MemberEntry) -> Seat:
    """A member before share indices are dealt out."""
    identity, node, recipient = map(bytes.fromhex, (entry.identity, entry.node, entry.recipient))
    return Seat(entry.name.encode(), identity, node, entry.weight, recipient)


def keys_of(file: RosterFile) -> dict[str, bytes]:
    """The charter keys by name, 32 bytes each."""
    return {name: bytes.fromhex(key) for name, key in file.keys.items()}


def assets_of(file: RosterFile) -> Mapping[str, ListedAsset]:
    """What the charter's names of assets stand for."""
    return {
        name: ListedAsset(bytes.fromhex(entry.id), entry.decimals)
        for name, entry in file.assets.items()
    }
