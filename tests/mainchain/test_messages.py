import pytest

from bystack.mainchain.assembly import build_coinbase
from bystack.mainchain.blocks import Block
from bystack.mainchain.messages import (
    CAPS,
    MAX_BLOCKS,
    MAX_HEADERS,
    MAX_LOCATOR,
    Announce,
    BlockMessage,
    BlockTransactions,
    CompactBlock,
    GetBlocks,
    GetBlockTransactions,
    GetCompact,
    GetHeaders,
    Headers,
    MainMessage,
    MessageUnknown,
    Missing,
    Status,
    WantCompact,
    decode_message,
    encode_message,
)
from bystack.primitives.codec import Malformed, TooLong, encode
from tests.ledger.people import ALICE
from tests.mainchain.test_blocks import HEADER
from tests.wire import check_wire

ID = b"\x01" * 32
COINBASE = build_coinbase(3, 50, ALICE.lock)
MESSAGES: dict[str, MainMessage] = {
    "status": Status(3, ID, b"\x02" * 32, 7),
    "get_headers": GetHeaders((ID, b"\x02" * 32)),
    "headers": Headers((HEADER,)),
    "get_blocks": GetBlocks((ID,)),
    "block_message": BlockMessage((Block(HEADER, ()),)),
    "missing": Missing((ID,)),
    "announce": Announce(HEADER),
    "want_compact": WantCompact(1),
    "get_compact": GetCompact(ID),
    "compact_block": CompactBlock(HEADER, b"\x03" * 8, COINBASE, (b"\x04" * 8,)),
    "get_block_transactions": GetBlockTransactions(ID, (0, 300)),
    "block_transactions": BlockTransactions(ID, (COINBASE,)),
}


def test_messages_on_the_wire() -> None:
    for name, message in MESSAGES.items():
        check_wire(f"mainchain_{name}", message)


def test_every_message_has_its_kind_and_comes_back() -> None:
    kinds = [encode_message(message)[0] for message in MESSAGES.values()]
    assert kinds == sorted(CAPS) == list(range(16, 28))
    for message in MESSAGES.values():
        assert decode_message(*encode_message(message)) == message


def test_unknown_kinds_long_payloads_and_other_messages_are_refused() -> None:
    for kind in (0, 15, 28, 255):
        with pytest.raises(MessageUnknown):
            decode_message(kind, b"")
    for kind, cap in CAPS.items():
        with pytest.raises(TooLong):
            decode_message(kind, bytes(cap + 1))
    with pytest.raises(Malformed):
        decode_message(16, encode(GetBlocks((ID,))))


@pytest.mark.parametrize(
    ("kind", "full", "empty"),
    [
        (17, GetHeaders((ID,) * MAX_LOCATOR), GetHeaders(())),
        (18, Headers((HEADER,) * MAX_HEADERS), None),
        (19, GetBlocks((ID,) * MAX_BLOCKS), GetBlocks(())),
        (21, Missing((ID,) * MAX_BLOCKS), Missing(())),
    ],
)
def test_lists_are_bounded_by_number_and_fit_their_caps(
    kind: int, full: MainMessage, empty: MainMessage | None
) -> None:
    payload = encode(full)
    assert decode_message(kind, payload) == full
    (items,) = (getattr(full, field) for field in full.__struct_fields__)
    with pytest.raises((Malformed, TooLong)):
        decode_message(kind, encode(type(full)((*items, items[0]))))
    if empty is not None:
        with pytest.raises(Malformed):
            decode_message(kind, encode(empty))
