from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.primitives.errors import Misuse
from bystack.primitives.keys import (
    ORDER,
    SecretKeyInvalid,
    public_key,
    sign,
    valid_public_key,
    verify,
)
from tests.primitives.vectors import load_table

VECTORS = load_table("bips/bip340_vectors.csv")
FIELD = 2**256 - 2**32 - 977

secrets = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
blocks = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["index"])
def test_bip_340_vectors(row: dict[str, str]) -> None:
    public, message = bytes.fromhex(row["public key"]), bytes.fromhex(row["message"])
    signature = bytes.fromhex(row["signature"])
    assert verify(public, message, signature) is (row["verification result"] == "TRUE")
    if row["secret key"]:
        secret = bytes.fromhex(row["secret key"])
        assert public_key(secret) == public
        assert sign(secret, message, bytes.fromhex(row["aux_rand"])) == signature


def test_the_vectors_are_all_there() -> None:
    assert len(VECTORS) == 19


@settings(max_examples=40)
@given(secrets, blocks, blocks, st.integers(0, 128 * 8 - 1))
def test_a_signature_is_of_one_key_digest_and_form(
    secret: bytes, digest: bytes, aux: bytes, bit: int
) -> None:
    public = public_key(secret)
    signature = sign(secret, digest, aux)
    assert verify(public, digest, signature)
    together = bytearray(public + digest + signature)
    together[bit // 8] ^= 1 << bit % 8
    changed = bytes(together)
    assert not verify(changed[:32], changed[32:64], changed[64:])


@given(st.binary(max_size=70), st.binary(max_size=70), st.binary(max_size=70))
def test_arbitrary_bytes_are_false_never_an_error(a: bytes, b: bytes, c: bytes) -> None:
    assert verify(a, b, c) is False


def test_other_lengths_and_types_are_false() -> None:
    secret, digest = (5).to_bytes(32, "big"), bytes(32)
    public, signature = public_key(secret), sign(secret, digest, bytes(32))
    bad: list[tuple[Any, Any, Any]] = [
        (public[:-1], digest, signature),
        (public + b"\x00", digest, signature),
        (b"\x02" + public, digest, signature),
        (public, digest, signature[:-1]),
        (public, digest, signature + b"\x00"),
        (bytearray(public), digest, signature),
        (public, memoryview(digest), signature),
        (public, digest, signature.hex()),
        (None, digest, signature),
    ]
    assert [verify(*case) for case in bad] == [False] * len(bad)


def test_public_keys_are_points() -> None:
    assert valid_public_key(public_key((1).to_bytes(32, "big")))
    not_points: list[Any] = [
        bytes(32),
        b"",
        FIELD.to_bytes(32, "big"),
        (FIELD + 1).to_bytes(32, "big"),  # 1 is an x coordinate, but this is not its encoding
        (5).to_bytes(32, "big"),
        bytes(33),
        bytearray(32),
    ]
    assert valid_public_key((1).to_bytes(32, "big"))
    assert not any(valid_public_key(point) for point in not_points)


@pytest.mark.parametrize(
    "secret", [bytes(32), ORDER.to_bytes(32, "big"), b"\xff" * 32, b"\x01" * 31, b"", 5]
)
def test_a_secret_outside_the_range_is_refused_unseen(secret: Any) -> None:
    for call in (lambda: public_key(secret), lambda: sign(secret, bytes(32), bytes(32))):
        with pytest.raises(SecretKeyInvalid) as caught:
            call()
        assert caught.value.facts == {}


def test_randomness_is_given() -> None:
    secret = (7).to_bytes(32, "big")
    assert sign(secret, bytes(32), bytes(32)) == sign(secret, bytes(32), bytes(32))
    assert sign(secret, bytes(32), bytes(32)) != sign(secret, bytes(32), b"\x01" * 32)
    with pytest.raises(Misuse):
        sign(secret, bytes(32), b"")
