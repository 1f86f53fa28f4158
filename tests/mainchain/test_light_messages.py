import pytest

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import RecordLock
from bystack.mainchain.filters import MAX_ELEMENTS, MAX_FILTER, BlockFilter
from bystack.mainchain.light_messages import (
    CAPS,
    FILTERS_SIZE,
    MAX_FILTERS,
    MAX_KEYS,
    Digests,
    Fee,
    Filters,
    GetDigests,
    GetFee,
    GetFilters,
    GetMatches,
    GetProof,
    GetRecord,
    LightMessage,
    Matches,
    Proof,
    Record,
    Unserved,
    decode_light,
    encode_light,
    subject_of,
)
from bystack.mainchain.messages import CAPS as OTHERS
from bystack.mainchain.messages import MessageUnknown
from bystack.mainchain.proofs import TransactionProof
from bystack.node.mainchain.wire import GOSSIP
from bystack.primitives.codec import Malformed, TooLong, encode
from bystack.primitives.merkle import MerkleProof
from tests.wire import check_wire

ID = b"\x01" * 32
PROOF = TransactionProof(ID, 7, MerkleProof(0, 1, ()), b"\x02")
RECORD = Coin(ID, 0, RecordLock(b"\x03"), 4, 0, 1, b"")
MESSAGES: dict[str, LightMessage] = {
    "get_filters": GetFilters(5, ID),
    "filters": Filters(5, ID, (BlockFilter(1, b"\x09"),)),
    "get_digests": GetDigests(5, ID),
    "digests": Digests(5, ID, (b"\x02" * 32,)),
    "get_matches": GetMatches(ID, (b"\x02" * 32,)),
    "matches": Matches(ID, (PROOF,)),
    "get_proof": GetProof(ID),
    "proof": Proof(ID, (PROOF,)),
    "get_record": GetRecord(ID),
    "record": Record(ID, (RECORD,)),
    "unserved": Unserved(ID),
    "get_fee": GetFee(6),
    "fee": Fee(6, 1_500_000),
}


def test_messages_on_the_wire() -> None:
    for name, message in MESSAGES.items():
        check_wire(f"mainchain_light_{name}", message)


def test_every_message_has_a_kind_of_its_own_and_comes_back() -> None:
    assert sorted(CAPS) == list(range(33, 46))
    assert CAPS.keys().isdisjoint({GOSSIP, *OTHERS})
    for message in MESSAGES.values():
        assert decode_light(*encode_light(message)) == message
    about = {subject_of(message) for name, message in MESSAGES.items() if "fee" not in name}
    assert about == {ID}
    assert subject_of(GetFee(6)) == subject_of(Fee(6, 1)) != subject_of(GetFee(7))
    for target in (0, 1_009):
        with pytest.raises(Malformed):
            decode_light(44, encode(GetFee(target)))


def test_unknown_kinds_long_payloads_and_other_messages_are_refused() -> None:
    with pytest.raises(MessageUnknown):
        decode_light(46, b"")
    for kind, cap in CAPS.items():
        with pytest.raises(TooLong):
            decode_light(kind, bytes(cap + 1))
    with pytest.raises(Malformed):
        decode_light(33, encode(GetProof(ID)))


def test_lists_are_bounded_and_fit_their_caps() -> None:
    kind, payload = encode_light(GetMatches(ID, (ID,) * MAX_KEYS))
    assert len(payload) <= CAPS[kind]
    with pytest.raises((Malformed, TooLong)):
        decode_light(kind, encode(GetMatches(ID, (ID,) * (MAX_KEYS + 1))))
    kind, payload = encode_light(Digests(2**63 - 1, ID, (ID,) * MAX_FILTERS))
    assert len(payload) <= CAPS[kind]
    largest = BlockFilter(MAX_ELEMENTS, bytes(MAX_FILTER))
    filled = BlockFilter(1, bytes(FILTERS_SIZE // MAX_FILTERS))
    kind, payload = encode_light(Filters(0, ID, (*(filled,) * (MAX_FILTERS - 8), largest)))
    assert len(payload) <= CAPS[kind]
    with pytest.raises(Malformed):
        decode_light(kind, encode(Filters(0, ID, ())))
