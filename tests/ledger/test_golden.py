"""The bytes of every wire type stand in golden files: a changed byte is a reviewed change."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from bystack.ledger.coins import Coin, coin_digest
from bystack.ledger.policies import After, Policy, Thresh
from bystack.ledger.satisfaction import policy_root
from bystack.ledger.signing import ALL, SINGLE_ANYONE, signing_digest
from bystack.ledger.transactions import (
    Lock,
    Outpoint,
    Transaction,
    TransactionBody,
    Witness,
    decode_transaction,
)
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


def test_digests_that_signatures_and_addresses_rest_on() -> None:
    coin, outpoint = SAMPLES["coin"], SAMPLES["outpoint"]
    body, policy = SAMPLES["transaction_body"], SAMPLES["policy_thresh"]
    assert isinstance(coin, Coin)
    assert isinstance(outpoint, Outpoint)
    assert isinstance(body, TransactionBody)
    assert isinstance(policy, Thresh)
    digests = [
        signing_digest(b"\x0c" * 32, body, 0, [(outpoint, coin)], ALL),
        signing_digest(b"\x0c" * 32, body, 0, [(outpoint, coin)], SINGLE_ANYONE),
        coin_digest(outpoint, coin),
        policy_root([policy]),
        policy_root([policy, After(1), After(2)]),
    ]
    text = "".join(f"{digest.hex()}\n" for digest in digests)
    assert text == (GOLDEN / "ledger_digests.hex").read_text()
