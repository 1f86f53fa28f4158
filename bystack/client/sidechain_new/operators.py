"""The public parts of operators' keys, as their nodes printed them, one file per operator.

A file is the JSON that `bystackd key new validator:NAME member:NAME …` printed, with the operator's
name (else the file's) and the policy root its fees go to. It holds nothing secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from bystack.federation.roster_file import Hex32
from bystack.sidechain.specification import ValidatorSpec

MAX_FILE: Final = 100_000


class OperatorUnfit(Exception):
    """A file of public parts cannot be used; the message names it and what to do."""


class MemberParts(Struct, frozen=True):
    """A member's public keys: identity (Ed25519), node id, governance (Schnorr)."""

    identity: Hex32
    node: Hex32
    governance: Hex32


class NamedParts(Struct, frozen=True):
    """A charter key: x-only public key."""

    key: Hex32


class Operator(Struct, frozen=True):
    """Who runs a node: validator and member keys by sidechain, charter keys by their own names.

    `recipient`: the policy root its fees are paid to, in hex; `weight`: 0 for the usual one.
    """

    name: Annotated[str, Meta(max_length=32, pattern=r"^[A-Za-z0-9._-]*\Z")] = ""
    recipient: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""
    weight: Annotated[int, Meta(ge=0, le=128)] = 0
    validator: dict[str, ValidatorSpec] = {}
    member: dict[str, MemberParts] = {}
    named: dict[str, NamedParts] = {}


def read_operator(path: Path) -> Operator:
    """The public parts in a file; raises `OperatorUnfit`."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise OperatorUnfit(f"{path}: larger than any file of public parts")
        found = msgspec.json.decode(path.read_bytes(), type=Operator)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OperatorUnfit(
            f"{path}: {error}; give what bystackd key new printed on that operator's node"
        ) from None
    return msgspec.structs.replace(found, name=found.name or path.name.partition(".")[0])


def read_operators(paths: Sequence[Path]) -> list[Operator]:
    """The operators of these files, in their order; raises `OperatorUnfit` for the first unfit."""
    return [read_operator(path) for path in paths]
