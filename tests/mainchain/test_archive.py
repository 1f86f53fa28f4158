"""A chain as a stream: read back in any pieces; whatever is wrong with a file has its name."""

from __future__ import annotations

import io

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.mainchain.archive import (
    FORMAT,
    MAX_START,
    ArchiveDamaged,
    ArchiveForeign,
    ArchiveFormat,
    ArchiveNetwork,
    ArchiveTooLong,
    ArchiveTruncated,
    End,
    Reader,
    Start,
    Writer,
    network_of,
)
from bystack.mainchain.blocks import MAX_BLOCK, Block
from bystack.mainchain.params import MAIN, chain_id
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from tests.mainchain.builders import EASY, Chain
from tests.wire import check_wire


def chain() -> list[Block]:
    grown = Chain(EASY)
    grown.grow(3)
    return list(grown.blocks.values())


BLOCKS = chain()


def archive(blocks: list[Block] = BLOCKS) -> bytes:
    writer = Writer(network_of(EASY), 1, len(blocks))
    body = b"".join(writer.block(encode(block)) for block in blocks)
    return writer.begin + body + writer.end()


def read(data: bytes, piece: int = 1 << 20) -> list[Block]:
    reader, file, found = Reader(network_of(EASY)), io.BytesIO(data), list[Block]()
    while part := file.read(piece):
        found += [block for block, _ in reader.receive(part)]
    reader.finish()
    return found


WHOLE = archive()


def test_records_have_golden_bytes() -> None:
    check_wire("archive_start", Start(FORMAT, MAIN.magic, chain_id(MAIN), 1, 70_000))
    check_wire("archive_end", End(70_000, bytes(range(32))))


@given(piece=st.integers(1, len(WHOLE) + 1))
def test_any_pieces_give_the_blocks(piece: int) -> None:
    assert read(WHOLE, piece) == BLOCKS


def test_an_archive_is_messagepack_that_others_read() -> None:
    records = list(msgpack.Unpacker(io.BytesIO(WHOLE)))
    assert [kind for kind, _ in records] == [0, 1, 1, 1, 2]
    assert [payload for _, payload in records[1:-1]] == [encode(block) for block in BLOCKS]


def test_every_cut_is_named() -> None:
    for length in range(len(WHOLE)):
        with pytest.raises(ArchiveTruncated):
            read(WHOLE[:length])


@settings(max_examples=300, deadline=None)
@given(bit=st.integers(0, len(WHOLE) * 8 - 1))
def test_every_flipped_bit_is_refused(bit: int) -> None:
    data = bytearray(WHOLE)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Invalid):
        read(bytes(data))


def test_what_is_no_archive_or_another_one_is_named() -> None:
    for data in (b"\x7fELF....", b"{}\n....", WHOLE[1:], WHOLE + b"\x92", WHOLE + WHOLE):
        with pytest.raises(ArchiveForeign):
            read(data)
    with pytest.raises(ArchiveNetwork):
        read(Writer(network_of(MAIN), 1, 1).begin)
    newer = encode((0, encode(Start(FORMAT + 1, EASY.magic, chain_id(EASY), 1, 1))))
    with pytest.raises(ArchiveFormat):
        read(newer)
    begin = Writer(network_of(EASY), 1, 1).begin
    with pytest.raises(ArchiveForeign):
        read(begin + begin)
    with pytest.raises(ArchiveForeign):
        read(encode((1, encode(BLOCKS[0]))))


def test_a_block_left_out_is_missed() -> None:
    writer = Writer(network_of(EASY), 1, 3)
    records = [writer.block(encode(block)) for block in BLOCKS]
    with pytest.raises(ArchiveDamaged):
        read(writer.begin + records[0] + records[2] + writer.end())


def test_an_oversized_record_is_refused_before_it_is_held() -> None:
    for kind, most in ((0, MAX_START), (1, MAX_BLOCK), (2, 64)):
        head = b"\x92" + bytes([kind]) + b"\xc6" + (most + 1).to_bytes(4, "big")
        with pytest.raises(ArchiveTooLong):
            read((b"" if kind == 0 else Writer(network_of(EASY), 1, 1).begin) + head)
