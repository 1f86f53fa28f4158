"""Whom a request means: an owner by address or by policy root."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.node.ipc import RemoteError
from bystack.primitives.addresses import POLICY, decode_address
from bystack.primitives.errors import Invalid

Owner = Annotated[str, Meta(max_length=300, description="an address, or a policy root in hex")]


def root_named(owner: str, hrp: str) -> str:
    """The policy root that is meant, in hex; raises `RemoteError` (-5)."""
    try:
        if len(bytes.fromhex(owner)) == 32:
            return owner.lower()
    except ValueError:
        pass
    try:
        given = decode_address(owner, hrp)
    except Invalid as error:
        raise RemoteError(-5, f"Invalid address: {error}", {"rule": error.rule}) from None
    if given.version != POLICY:
        raise RemoteError(-5, "Invalid address: an owner is a policy, this is a deposit")
    return given.payload.hex()
