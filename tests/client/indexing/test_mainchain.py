"""Rows of main-chain blocks: every kind of transaction, checked against the chain's own types."""

from __future__ import annotations

from bystack.client.indexing.columns import BlockRows, tables_of
from bystack.client.indexing.mainchain import BTM_ROW, MainRows
from bystack.ledger.amounts import BTM, AssetDefinition
from bystack.ledger.transactions import DepositLock
from bystack.ledger.vault_operations import Order, decode_operation
from bystack.mainchain.issues import Issue, issued_asset
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import Chain
from tests.sidechain.histories import History
from tests.sidechain.mainside import SLOW


def read(chain: object) -> list[BlockRows]:
    rows = MainRows("rm")
    return [rows.block(encode(block)) for block in chain.line]  # type: ignore[attr-defined]


def every(blocks: list[BlockRows], table: str) -> list[tuple[object, ...]]:
    return [row for block in blocks for row in block.rows.get(table, ())]


def test_rows_have_the_columns_of_their_tables() -> None:
    history = History(0, deep=False)
    history.run(40)
    blocks = read(history.world.main)
    tables = {table.name: table for table in tables_of("main")}
    for block in blocks:
        assert block.rows.keys() <= tables.keys()
        for name, rows in block.rows.items():
            assert {len(row) for row in rows} <= {len(tables[name].written)}
            for row in rows:
                for column, value in zip(tables[name].written, row, strict=True):
                    assert value is not None or column.empty, (name, column.name)
    assert len(BTM_ROW) == len(tables["assets"].columns)


def test_an_issue_names_its_asset_and_amount() -> None:
    chain = Chain()
    chain.grow(4)
    definition = AssetDefinition("SILVER", "oz\0", 3, 1, 1, b"", 5_000)
    issues = [Issue(ALICE.lock.root, definition, amount) for amount in (700, 300)]
    rows, made = MainRows("rm"), []
    for issue in issues:
        made.append(rows.block(encode(chain.mine(chain.issue(ALICE, issue, to=BOB)))))
    asset = issued_asset(issues[0]).hex()
    assert [row[3:] for row in every(made, "issues")] == [(asset, 700), (asset, 300)]
    first, second = every(made, "assets")
    assert first == (asset, "SILVER", "oz\ufffd", 3, True, True, "", 5_000, made[0].height)
    assert second[:-1] == first[:-1], "the same asset; whoever keeps rows keeps the first"


def test_vaults_deposits_operations_and_releases() -> None:
    history = History(0, deep=False)
    history.run(120)
    main = history.world.main
    blocks = read(main)
    deposits, orders, names = [], [], []
    for tx in main.transactions(main.height):
        height = main.where[tx.id][0]
        for number, output in enumerate(tx.body.outputs):
            if isinstance(output.lock, DepositLock):
                vault, note = output.lock.vault.hex(), output.lock.note
                coin = (output.asset.hex(), output.amount)
                meant = (vault, note[:32].hex(), note[32:].hex())
                deposits.append((height, tx.id.hex(), number, *meant, *coin))
        for action in tx.body.actions:
            if 16 <= action.kind <= 27:
                operation = decode_operation(action.kind, action.body)
                names.append(type(operation).__name__.lower())
                if isinstance(operation, Order):
                    orders += [
                        (tx.id.hex(), operation.seq, operation.tier, one.asset.hex(), one.amount)
                        for one in operation.outputs
                    ]
    assert deposits and every(blocks, "deposits") == deposits
    operations = every(blocks, "vault_operations")
    assert [row[3] for row in operations] == names
    assert {"create", "order", "touch", "complete"} <= set(names)
    vault = main.vault.hex()
    assert {row[2] for row in operations} <= {vault, None}
    assert all(row[2] == vault for row in operations if row[3] != "complete")
    releases = every(blocks, "releases")
    assert [(row[1], *row[4:6], *row[7:9]) for row in releases] == orders
    assert {row[3] for row in releases} == {vault}
    assert {row[6] for row in releases if row[5] == SLOW} == {True}
    assert all(str(row[9]).startswith("rm1") for row in releases)


def test_the_coinbase_has_an_action_and_no_inputs() -> None:
    chain = Chain()
    chain.grow(1)
    (block,) = chain.blocks.values()
    rows = MainRows("rm").block(encode(block)).rows
    ((height, position, _, size, inputs, outputs, actions),) = rows["transactions"]
    assert (height, position, inputs, outputs, actions) == (1, 0, 0, 1, [1])
    assert size == len(encode(block.transactions[0])) and not rows["inputs"]
    assert rows["outputs"][0][3] == BTM.hex()
