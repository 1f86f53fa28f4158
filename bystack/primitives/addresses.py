"""Addresses: where value may be sent, as text that names its chain and shows typing errors.

The prefix names the chain, the first symbol the version: 0 is a policy root (32 bytes), 1 a deposit
into a vault: its id (32 bytes) and a note (64). Deposits are longer than BIP 350 allows, up to 250
letters: software fills those in, people type version 0.
"""

from __future__ import annotations

from string import ascii_lowercase
from typing import NamedTuple

from bystack.primitives.bech32m import (
    LIMIT,
    AddressMalformed,
    bech32m_decode,
    bech32m_encode,
    from_symbols,
    to_symbols,
)
from bystack.primitives.errors import Invalid, Misuse

__all__ = [
    "DEPOSIT",
    "POLICY",
    "Address",
    "AddressMalformed",
    "AddressNetwork",
    "AddressVersion",
    "decode_address",
    "encode_address",
]

POLICY, DEPOSIT = 0, 1
LONG_LIMIT = 250
_LETTERS = frozenset(ascii_lowercase)
_SIZES = {POLICY: 32, DEPOSIT: 96}
_LIMITS = {POLICY: LIMIT, DEPOSIT: LONG_LIMIT}


class AddressNetwork(Invalid):
    """The address belongs to another chain."""


class AddressVersion(Invalid):
    """The address is of an unknown version, or not of its version's length."""


class Address(NamedTuple):
    """The chain's prefix, the version, and 32 (policy root) or 96 (vault id, note) bytes."""

    hrp: str
    version: int
    payload: bytes


def encode_address(address: Address) -> str:
    """The text of an address. Raises `AddressVersion`, `Misuse` for a prefix that is none."""
    _check_version(address.version, len(address.payload))
    if not set(address.hrp) <= _LETTERS or not 0 < len(address.hrp) <= 20:
        raise Misuse("a chain's prefix is 1 to 20 letters a to z")
    return bech32m_encode(address.hrp, [address.version, *to_symbols(address.payload)])


def decode_address(text: str, hrp: str) -> Address:
    """The address that `text` writes, on the chain whose prefix is `hrp`.

    Raises `AddressMalformed`, `AddressNetwork(expected, given)`, `AddressVersion`.
    """
    given, version, payload = split_address(text)
    if given != hrp:
        raise AddressNetwork(expected=hrp, given=given)
    _check_version(version, len(payload))
    if len(text) > _LIMITS[version]:
        raise AddressMalformed(reason="too long")
    return Address(hrp, version, payload)


def split_address(text: str) -> Address:
    """Prefix, version and payload of any such text, of whatever chain and version.

    Raises `AddressMalformed`.
    """
    hrp, symbols = bech32m_decode(text, LONG_LIMIT)
    if not symbols:
        raise AddressMalformed(reason="no version")
    return Address(hrp, symbols[0], from_symbols(symbols[1:]))


def _check_version(version: int, length: int) -> None:
    if _SIZES.get(version) != length:
        raise AddressVersion(version=version, length=length)
