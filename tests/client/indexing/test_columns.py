"""The tables hang together: keys and indexes are columns, names are used once."""

from hashlib import sha256

from bystack.client.indexing.columns import TABLES, ChainKind, tables_of
from bystack.client.indexing.layout import VERSION, statements

LAYOUT = (1, "9ba8bd670462f712")
"""Version, and the hash of every statement that makes the tables of both kinds of chain."""


def test_other_tables_are_another_version() -> None:
    """Tables that somebody has are gone on with by their number alone."""
    kinds: tuple[ChainKind, ...] = ("main", "sidechain")
    made = [one.as_string() for kind in kinds for one in statements("s", kind)]
    structure = "\n".join(one for one in made if not one.startswith("COMMENT"))
    told = (VERSION, sha256(structure.encode()).hexdigest()[:16])
    assert told == LAYOUT, "raise VERSION with each change of the tables, then write both here"


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
