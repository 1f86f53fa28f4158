import msgspec
import pytest

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import (
    MAX_BLOCK,
    MAX_HEADER,
    Block,
    Header,
    decode_block,
    decode_header,
    transaction_root,
    witness_root,
)
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.messages import BlockMessage
from bystack.primitives.codec import MAX_INT, Malformed, TooLong, decode, encode
from bystack.primitives.hashes import tagged
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain, child
from tests.wire import check_wire

HEADER = Header(
    version=1,
    height=2,
    previous=b"\x03" * 32,
    transaction_root=b"\x04" * 32,
    witness_root=b"\x05" * 32,
    transaction_count=6,
    history_root=b"\x07" * 32,
    time=1_735_689_600,
    target=0x207FFFFF,
    nonce=b"\x0a" * 8,
)


def test_header_on_the_wire() -> None:
    check_wire("mainchain_header", HEADER)


def test_block_on_the_wire() -> None:
    block = child(genesis_entry(EASY))
    check_wire("mainchain_block", Block(HEADER, block.transactions))


def test_the_id_is_the_tagged_hash_of_the_encoding_and_the_nonce_its_end() -> None:
    assert HEADER.id == tagged("mainchain/header")(encode(HEADER))
    assert encode(HEADER).endswith(b"\xc4\x08" + HEADER.nonce)


def test_every_field_changes_the_id() -> None:
    for field in Header.__struct_fields__:
        value = getattr(HEADER, field)
        other = value + 1 if isinstance(value, int) else bytes(len(value))
        assert msgspec.structs.replace(HEADER, **{field: other}).id != HEADER.id


def test_the_longest_header_fits_and_nothing_longer_is_read() -> None:
    longest = msgspec.structs.replace(
        HEADER, version=2**32 - 1, height=MAX_INT, time=MAX_INT, transaction_count=2**32 - 1
    )
    assert decode_header(encode(longest)) == longest
    with pytest.raises(TooLong):
        decode_header(encode(longest) + bytes(MAX_HEADER))
    with pytest.raises(Malformed):
        decode_block(encode(longest))


def test_witness_root_binds_witnesses_where_the_transaction_root_does_not() -> None:
    chain = Chain()
    chain.grow(3)
    tx = chain.pay(ALICE, BOB, 5)
    changed = msgspec.structs.replace(tx, witnesses=())
    assert transaction_root([tx]) == transaction_root([changed])
    assert witness_root([tx]) != witness_root([changed])


def test_what_is_encoded_in_parts_is_what_the_codec_says_and_the_ids_are_the_same() -> None:
    chain = Chain()
    chain.grow(3)
    block = chain.mine(chain.pay(ALICE, BOB, 5_000, 700))
    message = BlockMessage((block,) * 20)  # an array of more than 15 has another header
    for value in (block, block.header, message, *block.transactions):
        again = decode(type(value), encode(value), MAX_BLOCK)
        assert again.encoded() == value.encoded() == encode(value)
    fresh = decode_block(encode(block))
    for tx, same in zip(block.transactions, fresh.transactions, strict=True):
        assert {"id", "witness_id", "size"} <= set(same.__dict__), "not known from decoding"
        plain = Transaction(tx.body, tx.witnesses)
        assert (same.id, same.witness_id, same.size) == (plain.id, plain.witness_id, plain.size)
    assert fresh.header.__dict__["id"] == Block(block.header, ()).id
