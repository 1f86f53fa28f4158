"""Locks in words: the address that pays to one, the vault that holds its coin."""

from __future__ import annotations

from bystack.client.indexing.columns import Row
from bystack.ledger.transactions import (
    DepositLock,
    Lock,
    Output,
    PendingLock,
    PolicyLock,
    TreasuryLock,
    VaultLock,
)
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, encode_address


def address_of(lock: Lock, hrp: str) -> str | None:
    """The address that pays to a lock, if it has one; None without a prefix."""
    match lock:
        case PolicyLock(root) if hrp:
            return encode_address(Address(hrp, POLICY, root))
        case DepositLock(vault, note) if hrp:
            return encode_address(Address(hrp, DEPOSIT, vault + note))
        case _:
            return None


def vault_of(lock: Lock) -> str | None:
    """The vault that holds the coin, in hex; None for a coin of nobody's vault."""
    match lock:
        case VaultLock(vault) | DepositLock(vault) | TreasuryLock(vault) | PendingLock(vault):
            return vault.hex()
        case _:
            return None


def output_row(height: int, id: str, position: int, output: Output, hrp: str) -> Row:
    """A row of `outputs`."""
    kind = type(output.lock).__name__.removesuffix("Lock").lower()
    held = (address_of(output.lock, hrp), vault_of(output.lock))
    return (height, id, position, output.asset.hex(), output.amount, kind, *held)
