"""Rows as a stream: read again wherever it is cut, and hostile lengths refused at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.primitives.errors import Misuse
from bystack.sidechain.proofs import MAX_KEY
from bystack.sidechain.snapshots import rows as module
from bystack.sidechain.snapshots.manifests import CHUNK
from bystack.sidechain.snapshots.rows import (
    Row,
    RowLength,
    RowSection,
    Section,
    cut,
    read_rows,
    write_row,
)
from bystack.sidechain.state import MAX_VALUE

ROWS = st.one_of(
    st.builds(Row, st.just(0), st.binary(min_size=1, max_size=50), st.binary(max_size=300)),
    st.builds(Row, st.just(1), st.binary(min_size=36, max_size=36), st.binary(max_size=90)),
    st.builds(
        Row, st.just(2), st.binary(min_size=8, max_size=8), st.binary(min_size=32, max_size=32)
    ),
)


@given(st.lists(ROWS, max_size=30), st.lists(st.integers(1, 200), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_rows_are_read_wherever_the_stream_is_cut(rows: list[Row], sizes: list[int]) -> None:
    stream = b"".join(map(write_row, rows))
    found: list[Row] = []
    rest, at, turn = b"", 0, 0
    while at < len(stream):
        piece = stream[at : at + sizes[turn % len(sizes)]]
        at, turn = at + len(piece), turn + 1
        more, rest = read_rows(rest + piece)
        found += more
    assert (found, rest) == (rows, b"")


def test_every_chunk_but_the_last_is_full() -> None:
    rows = [Row(0, b"%d" % n, bytes(70_000)) for n in range(40)]
    chunks = list(cut(rows))
    assert [len(one) for one in chunks[:-1]] == [CHUNK] * (len(chunks) - 1)
    assert b"".join(chunks) == b"".join(map(write_row, rows)) and 0 < len(chunks[-1]) <= CHUNK
    whole = [Row(0, b"k", bytes(CHUNK - 1 - module._head.size))]
    assert [len(one) for one in cut(whole)] == [CHUNK]


def test_a_value_of_the_largest_size_goes_through_several_chunks() -> None:
    row = Row(Section.ENTRY, b"k" * MAX_KEY, bytes(MAX_VALUE))
    chunks = list(cut([row]))
    assert len(chunks) == 4 and read_rows(b"".join(chunks)) == ([row], b"")


HEADS = [(0, 0, 1), (0, MAX_KEY + 1, 1), (0, 1, MAX_VALUE + 1), (0, 1, 2**32 - 1)]
HEADS += [(1, 35, 9), (1, 36, 64_001), (2, 8, 33), (2, 9, 32)]


@pytest.mark.parametrize("head", HEADS)
def test_hostile_lengths_are_refused_before_the_rest_is_there(head: tuple[int, int, int]) -> None:
    with pytest.raises(RowLength):
        read_rows(module._head.pack(*head))


def test_another_section_is_refused() -> None:
    with pytest.raises(RowSection):
        read_rows(module._head.pack(3, 1, 1))


def test_a_row_nobody_would_take_is_our_mistake() -> None:
    with pytest.raises(Misuse):
        write_row(Row(0, b"", b"value"))
