"""The rows of tables: kinds of locks, inputs, groups of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from bystack.client import columns
from bystack.client.columns import Tables, address_of, vault_of
from bystack.ledger.transactions import (
    DepositLock,
    PendingLock,
    PolicyLock,
    RetireLock,
    TreasuryLock,
    VaultLock,
)
from bystack.mainchain.blocks import Block
from bystack.primitives.addresses import DEPOSIT, POLICY, Address, decode_address
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain

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


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / f"{name}.parquet").to_pylist()
    return found


def written(folder: Path, blocks: list[Block]) -> None:
    folder.mkdir()
    with Tables(folder, "rm", {}) as tables:
        for block in blocks:
            tables.block(block, len(encode(block)))


def test_many_groups_of_rows_say_what_one_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = Chain(EASY)
    grown.grow(9)
    blocks = list(grown.blocks.values())
    written(tmp_path / "one", blocks)
    monkeypatch.setattr(columns, "ROWS", 2)
    written(tmp_path / "many", blocks)
    groups = pyarrow.parquet.ParquetFile(tmp_path / "many" / "blocks.parquet").num_row_groups
    assert groups == (len(blocks) + 1) // 2
    for name in columns.SCHEMAS:
        assert read(tmp_path / "many", name) == read(tmp_path / "one", name)


def test_inputs_say_which_coins_they_spend(tmp_path: Path) -> None:
    grown = Chain(EASY)
    grown.grow(4)
    payment = grown.pay(ALICE, BOB, 5)
    grown.mine(payment)
    blocks = list(grown.blocks.values())
    written(tmp_path / "tables", blocks)
    (row,) = [one for one in read(tmp_path / "tables", "outputs") if one["amount"] == 5]
    assert (row["height"], row["transaction"], row["position"]) == (5, payment.id.hex(), 0)
    assert row["address"] == address_of(BOB.lock, "rm")
    spent = [
        (tx.id.hex(), number, one.transaction.hex(), one.index)
        for block in blocks
        for tx in block.transactions
        for number, one in enumerate(tx.body.inputs)
    ]
    assert spent
    names = ("transaction", "position", "spent_transaction", "spent_position")
    assert [
        tuple(one[name] for name in names) for one in read(tmp_path / "tables", "inputs")
    ] == spent
