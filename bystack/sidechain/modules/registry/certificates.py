"""What the registry keeps: a certificate for each digest, and the actions about it.

A certificate says that a digest was known to this chain at a height and a time, whose it is, and
who stands for it. It lies in the state under the digest (`certificate_key`), so a proof of that one
entry under a header shows all of it to somebody who has nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U63, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.state import state_key

NAME = "registry"
MAX_MEMO = 256
MAX_REASON = 100
MAX_FEE = 2**48
MAX_ENDORSEMENTS = 16

Memo = Annotated[bytes, Meta(max_length=MAX_MEMO)]
Reason = Annotated[bytes, Meta(max_length=MAX_REASON)]


class RegistryConfig(Wire):
    """The module's genesis: what an entry costs, in base units of `asset`.

    `fee`: for each certificate and each endorsement; `byte_fee`: for each byte of a memo. Both go
    to the fee pool, beside the transaction's own fee; 0 for nothing.
    """

    asset: Bytes32
    fee: U63
    byte_fee: U63


class Register(Wire):
    """Enter a digest for `owner`, a policy root. `expires`: last height it is valid; 0: no end."""

    digest: Bytes32
    owner: Bytes32
    memo: Memo
    expires: U63


class Transfer(Wire):
    """Give a certificate to the policy root `to`; approved by its owner."""

    owner: Bytes32
    digest: Bytes32
    to: Bytes32


class Revoke(Wire):
    """Declare a certificate void, for good; approved by its owner."""

    owner: Bytes32
    digest: Bytes32
    reason: Reason


class Endorse(Wire):
    """Stand for a certificate; approved by whoever endorses, the policy root `owner`."""

    owner: Bytes32
    digest: Bytes32


class Endorsement(Wire):
    """Who stands for a certificate, since which height and time (milliseconds)."""

    owner: Bytes32
    height: U63
    time: U63


class Certificate(Wire):
    """A registered digest. Heights are this chain's, times its blocks' in milliseconds.

    `relayed`: the main-chain height this chain had seen then, which dates the entry on both.
    `transaction`: what registered it. `since`, `transfers`: when it came to its owner, and how
    often it was passed on. `revoked`: the height it was revoked at, 0 while it was not.
    """

    owner: Bytes32
    memo: Memo
    height: U63
    time: U63
    relayed: U63
    transaction: Bytes32
    expires: U63
    since: U63
    transfers: U63
    revoked: U63
    reason: Reason
    endorsements: Annotated[tuple[Endorsement, ...], Meta(max_length=MAX_ENDORSEMENTS)]


class RegistryInvalid(Invalid):
    """The registry's fees are of an asset the chain has not, or not in whole units of it."""


def check_fees(config: RegistryConfig, units: Mapping[bytes, int]) -> None:
    """Raise `RegistryInvalid`; `units` of every asset of the chain, what amounts are multiples of.

    Where entries cost nothing, the asset need not be one.
    """
    unit = units.get(config.asset)
    for fee in (config.fee, config.byte_fee):
        if fee and (unit is None or fee % unit or fee > MAX_FEE):
            raise RegistryInvalid(asset=config.asset, fee=fee, unit=unit or 0)


def certificate_key(digest: bytes) -> bytes:
    """Where the system state keeps a digest's certificate: the key to ask a proof for."""
    return state_key(f"module/{NAME}", b"certificate/", digest)


def status_at(certificate: Certificate, height: int) -> str:
    """`valid`, `expired` or `revoked`, for a block at `height`."""
    return status_after(certificate.revoked, certificate.expires, height)


def status_after(revoked: int, expires: int, height: int) -> str:
    """As `status_at`, of a certificate revoked at and valid up to these heights (0: neither)."""
    if revoked:
        return "revoked"
    return "expired" if expires and height > expires else "valid"
