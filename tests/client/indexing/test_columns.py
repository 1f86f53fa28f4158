"""The tables hang together: keys and indexes are columns, names are used once."""

from bystack.client.indexing.columns import TABLES, tables_of


def test_keys_and_indexes_are_columns_that_are_never_empty() -> None:
    for table in TABLES:
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert {name for index in (table.key, *table.indexes) for name in index} <= set(names)
        assert not any(column.empty for column in table.columns if column.name in table.key)
        filled = [column.later for column in table.columns]
        assert filled == sorted(filled), "what is filled later stands last"
        if table.once:
            assert table.key == (names[0],), "its writers look at the first column"
        else:
            assert table.key[0] == "height", "undone by height"


def test_both_kinds_of_chain_share_what_every_chain_has() -> None:
    main, side = ({table.name for table in tables_of(kind)} for kind in ("main", "sidechain"))
    assert main & side == {"blocks", "transactions", "inputs", "outputs", "assets"}
    assert main | side == {table.name for table in TABLES}
