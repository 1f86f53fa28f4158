"""Locks in words."""

from bystack.client.indexing.locks import address_of, vault_of
from bystack.ledger.transactions import (
    DepositLock,
    PendingLock,
    PolicyLock,
    RetireLock,
    TreasuryLock,
    VaultLock,
)
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, decode_address

VAULT = bytes([7]) * 32


def test_addresses_are_those_that_pay_to_the_lock() -> None:
    paid = address_of(PolicyLock(VAULT), "rm")
    deposited = address_of(DepositLock(VAULT, bytes(64)), "rm")
    assert decode_address(paid or "", "rm") == Address("rm", POLICY, VAULT)
    assert decode_address(deposited or "", "rm") == Address("rm", DEPOSIT, VAULT + bytes(64))
    assert address_of(PolicyLock(VAULT), "") is address_of(RetireLock(b""), "rm") is None


def test_vaults_are_named_by_their_coins() -> None:
    held = [
        VaultLock(VAULT),
        DepositLock(VAULT, bytes(64)),
        TreasuryLock(VAULT),
        PendingLock(VAULT, bytes(32), bytes(32), 3),
    ]
    assert {vault_of(lock) for lock in held} == {VAULT.hex()}
    assert vault_of(PolicyLock(VAULT)) is vault_of(RetireLock(b"")) is None
