"""The second reader on the golden files: same values, same bytes, same verdict on bad ones."""

from typing import Any

import msgspec
import pytest

from bystack.primitives.codec import Wire, decode, encode
from bystack.primitives.errors import Invalid
from tests.protocol.pages import PAGES
from tests.protocol.program import kinds, page_name
from tests.protocol.reader import Refused, read, write
from tests.wire import golden

FLIPS = 60
"""Bits flipped in each file, spread over it."""

FILES: dict[str, str] = {
    "outpoint": "Outpoint",
    "output": "Output",
    "action": "Action",
    "coin": "Coin",
    "transaction": "Transaction",
    "transaction_body": "TransactionBody",
    "asset_definition": "AssetDefinition",
    "terms": "Terms",
    "anchor_state": "AnchorState",
    "bucket": "Bucket",
    "partially_signed": "PartiallySigned",
    "pst_branch": "Branch",
    "pst_part": "Part",
    "merkle_proof": "MerkleProof",
    "mountain_peaks": "Peaks",
    "mountain_proof": "MountainProof",
    "trie_leaf": "Leaf",
    "trie_proof": "TrieProof",
    "trie_proof_absence": "TrieProof",
    "mainchain_params": "Params",
    "mainchain_header": "Header",
    "mainchain_block": "Block",
    "mainchain_entry": "Entry",
    "mainchain_coinbase": "Coinbase",
    "mainchain_issue": "Issue",
    "mainchain_revealed": "Revealed",
    "mainchain_registration": "Registration",
    "mainchain_transaction_proof": "TransactionProof",
    "mainchain_history_proof": "HistoryProof",
    "mainchain_deep_proof": "DeepProof",
    "mainchain_evidence": "Evidence",
    "mainchain_departure": "Departure",
    "mainchain_block_filter": "BlockFilter",
    "mainchain_status": "Status",
    "mainchain_get_headers": "GetHeaders",
    "mainchain_headers": "Headers",
    "mainchain_get_blocks": "GetBlocks",
    "mainchain_block_message": "BlockMessage",
    "mainchain_missing": "Missing",
    "mainchain_announce": "Announce",
    "mainchain_want_compact": "WantCompact",
    "mainchain_get_compact": "GetCompact",
    "mainchain_compact_block": "CompactBlock",
    "mainchain_get_block_transactions": "GetBlockTransactions",
    "mainchain_block_transactions": "BlockTransactions",
    "mainchain_light_get_filters": "GetFilters",
    "mainchain_light_filters": "Filters",
    "mainchain_light_get_digests": "GetDigests",
    "mainchain_light_digests": "Digests",
    "mainchain_light_get_matches": "GetMatches",
    "mainchain_light_matches": "Matches",
    "mainchain_light_get_proof": "GetProof",
    "mainchain_light_proof": "light.Proof",
    "mainchain_light_get_record": "GetRecord",
    "mainchain_light_record": "Record",
    "mainchain_light_get_fee": "GetFee",
    "mainchain_light_fee": "Fee",
    "mainchain_light_unserved": "Unserved",
    "p2p_frame": "Frame",
    "p2p_hello": "Hello",
    "p2p_proof": "Proof",
    "p2p_ping": "Ping",
    "p2p_pong": "Pong",
    "p2p_get_addresses": "GetAddresses",
    "p2p_addresses": "Addresses",
    "p2p_goodbye": "Goodbye",
    "p2p_whereabouts": "Whereabouts",
    **{f"lock_{one}": "Lock" for one in ("policy", "retire", "vault", "deposit", "treasury")},
    **{f"lock_{one}": "Lock" for one in ("pending", "record")},
    **{f"witness_{one}": "Witness" for one in ("none", "spend", "approval")},
    **{f"policy_{one}": "Policy" for one in ("key", "bls", "thresh", "all", "any")},
    **{f"policy_{one}": "Policy" for one in ("after", "older", "sha256")},
    **{f"gossip_{one}": "GossipMessage" for one in ("announce", "get", "item", "items", "missing")},
    **{f"vault_{one}": f"vault.{one.title()}" for one in ("create", "order", "touch", "complete")},
    **{f"vault_{one}": f"vault.{one.title()}" for one in ("veto", "announce", "cancel", "adopt")},
    **{f"vault_{one}": f"vault.{one.title()}" for one in ("freeze", "replace", "recover")},
    "vault_consolidate": "vault.Consolidate",
}
"""Golden files, and the type that each holds one of, by its name on the pages."""


def met(value: Any) -> set[str]:
    """The types inside a value."""
    if isinstance(value, dict):
        return {value["type"]}.union(*map(met, value.values()))
    return set().union(*map(met, value)) if isinstance(value, list) else set()


def same(value: Any, wire: Any) -> bool:
    """Whether both readers found the same."""
    if isinstance(wire, Wire):
        names = wire.__struct_fields__
        matches = all(same(value[name], getattr(wire, name)) for name in names)
        return bool(value["type"] == page_name(type(wire)) and matches)
    if isinstance(wire, tuple):
        return len(value) == len(wire) and all(map(same, value, wire))
    return bool(value == wire)


@pytest.mark.parametrize("file", FILES)
def test_golden_file(file: str) -> None:
    data, name = golden(file), FILES[file]
    value = read(name, data)
    assert write(value) == data
    assert same(value, decode(kinds()[name], data, len(data)))


def test_every_table_is_met() -> None:
    every = set().union(*(met(read(name, golden(file))) for file, name in FILES.items()))
    assert PAGES.tables.keys() - every == set()


def accepted(name: str, data: bytes) -> bool:
    try:
        read(name, data)
    except Refused:
        return False
    return True


def accepted_by_the_program(kind: Any, data: bytes) -> bool:
    try:
        decode(kind, data, len(data))
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("file", FILES)
def test_same_verdict_on_what_is_changed(file: str) -> None:
    data, name = golden(file), FILES[file]
    kind = kinds()[name]
    step = len(data) // 20 + 1
    changed = [data + b"\x00", *(data[:length] for length in range(0, len(data), step))]
    stride = len(data) * 8 // FLIPS | 1  # odd: every place of a byte
    for bit in range(len(file) % stride, len(data) * 8, stride):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        changed.append(bytes(flipped))
    for one in changed:
        assert accepted(name, one) == accepted_by_the_program(kind, one), one.hex()


def bounds(hint: str) -> list[Any]:
    """Values about the bounds of a type of bytes or integers, as its table writes it."""
    whole = {"bit": 1, "u8": 2**8 - 1, "u16": 2**16 - 1, "u32": 2**32 - 1, "u63": 2**63 - 1}
    if hint in whole:
        return [0, 1, whole[hint], whole[hint] + 1, -1, b"", "0", 1.0, True, None]
    if hint.startswith("bytes"):
        numbers = [int(one) for one in hint.replace("…", " ").split() if one.isdigit()]
        near = {0, 1, 32, *numbers, *(one + 1 for one in numbers), *(one - 1 for one in numbers)}
        return [*(bytes(size) for size in near if 0 <= size < 2000), "", 7]
    return []


@pytest.mark.parametrize("file", FILES)
def test_same_verdict_about_the_bounds(file: str) -> None:
    data, name = golden(file), FILES[file]
    value, kind = read(name, data), kinds()[name]
    raw = msgspec.msgpack.decode(data)
    table = PAGES.tables[value["type"]]
    first = 0 if table.tag < 0 else 1
    for place, field in enumerate(table.fields, first):
        for other in bounds(field.type):
            one = encode([*raw[:place], other, *raw[place + 1 :]])
            assert accepted(name, one) == accepted_by_the_program(kind, one), (field, other)


@pytest.mark.parametrize("levels", [1, 7, 8, 9, 10, 200])
def test_policies_are_eight_levels_deep(levels: int) -> None:
    raw: list[Any] = [0, bytes(32)]
    for _ in range(levels - 1):
        raw = [3, [raw]]
    data = encode(raw)
    assert accepted("Policy", data) == accepted_by_the_program(kinds()["Policy"], data)
    assert accepted("Policy", data) == (levels <= 8)


def test_longer_than_its_place_allows() -> None:
    data = golden("outpoint")
    assert read("Outpoint", data, len(data))
    with pytest.raises(Refused, match="TooLong"):
        read("Outpoint", data, len(data) - 1)
