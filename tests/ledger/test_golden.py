"""The bytes of every wire type stand in golden files: a changed byte is a reviewed change."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from bystack.ledger.policies import Policy
from bystack.ledger.transactions import Lock, Transaction, Witness, decode_transaction
from bystack.primitives.codec import Wire, decode, decode_union, encode
from tests.ledger.samples import SAMPLES

GOLDEN = Path(__file__).parents[1] / "vectors" / "bystack"
UNIONS = {"lock": Lock, "witness": Witness, "policy": Policy}


@pytest.mark.parametrize(("name", "value"), SAMPLES.items())
def test_golden_bytes(name: str, value: Wire) -> None:
    golden = bytes.fromhex((GOLDEN / f"{name}.hex").read_text())
    assert encode(value) == golden
    union = UNIONS.get(name.split("_")[0])
    decoded = decode_union(union, golden, 10_000) if union else decode(type(value), golden, 10_000)
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize("value", SAMPLES.values())
def test_another_messagepack_library_writes_the_same_bytes(value: Wire) -> None:
    assert msgpack.packb(msgpack.unpackb(encode(value))) == encode(value)


def test_ids_cover_body_and_witnesses() -> None:
    tx = SAMPLES["transaction"]
    assert isinstance(tx, Transaction)
    ids = f"{tx.id.hex()}\n{tx.witness_id.hex()}\n"
    assert ids == (GOLDEN / "transaction_ids.hex").read_text()
    bare = Transaction(tx.body, ())
    assert bare.id == tx.id
    assert bare.witness_id != tx.witness_id
    assert decode_transaction(encode(tx)).id == tx.id
