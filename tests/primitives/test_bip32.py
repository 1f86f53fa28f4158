import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.primitives import bip32
from bystack.primitives.base58 import Base58Checksum, base58_encode
from bystack.primitives.bip32 import HARDENED, ExtendedKey, master, parse_key, parse_path
from bystack.primitives.errors import Invalid
from bystack.primitives.keys import SecretKeyInvalid, public_key
from tests.primitives.vectors import load

VECTORS = load("bips/bip32_vectors.json")
VERSION, ROOT = bip32.ExtendedKeyVersion, bip32.ExtendedKeyRoot
REASONS: dict[str, type[Invalid]] = {
    "pubkey version / prvkey mismatch": VERSION,
    "prvkey version / pubkey mismatch": VERSION,
    "invalid pubkey prefix 04": bip32.ExtendedKeyPoint,
    "invalid prvkey prefix 04": VERSION,
    "invalid pubkey prefix 01": bip32.ExtendedKeyPoint,
    "invalid prvkey prefix 01": VERSION,
    "zero depth with non-zero parent fingerprint": ROOT,
    "zero depth with non-zero index": ROOT,
    "unknown extended key version": VERSION,
    "private key 0 not in 1..n-1": SecretKeyInvalid,
    "private key n not in 1..n-1": SecretKeyInvalid,
    "invalid checksum": Base58Checksum,
}


@pytest.mark.parametrize("case", VECTORS["valid"], ids=lambda case: case["path"])
def test_valid_vectors(case: dict[str, str]) -> None:
    key = master(bytes.fromhex(case["seed"])).path(case["path"].replace("H", "'"))
    assert key.text() == case["ext_prv"]
    assert key.neuter().text() == case["ext_pub"]
    assert parse_key(case["ext_prv"]) == key
    assert parse_key(case["ext_pub"]) == key.neuter()


@pytest.mark.parametrize(("text", "reason"), VECTORS["invalid"])
def test_invalid_vectors(text: str, reason: str) -> None:
    expected = REASONS.get(reason, bip32.ExtendedKeyPoint)
    with pytest.raises(expected):
        parse_key(text)


def test_the_vectors_are_all_there() -> None:
    assert (len(VECTORS["valid"]), len(VECTORS["invalid"])) == (17, 14)


@settings(max_examples=15)
@given(st.binary(min_size=16, max_size=64), st.lists(st.integers(0, HARDENED - 1), max_size=3))
def test_public_children_are_those_of_the_private_key(seed: bytes, indices: list[int]) -> None:
    private = master(seed)
    public = private.neuter()
    for index in indices:
        private, public = private.child(index), public.child(index)
    assert private.neuter() == public
    assert public_key(private.secret) == private.public == public.public


def test_nothing_hardened_comes_from_a_public_key() -> None:
    public = master(bytes(16)).neuter()
    with pytest.raises(bip32.HardenedFromPublic):
        public.child(HARDENED)
    with pytest.raises(bip32.HardenedFromPublic):
        _ = public.secret


def test_paths() -> None:
    assert parse_path("m") == ()
    assert parse_path("m/44'/0h/7") == (HARDENED + 44, HARDENED, 7)
    bad = ("", "44", "m/", "m//1", "m/-1", "m/1''", "m/1'h", "m/x", "m/2147483648", "m/١", "M/1")
    for path in bad:
        with pytest.raises(bip32.PathMalformed):
            parse_path(path)


def test_bounds() -> None:
    key = master(bytes(16))
    for index in (-1, 2**32):
        with pytest.raises(bip32.ChildIndex):
            key.child(index)
    with pytest.raises(bip32.ChildIndex):
        ExtendedKey(key.key, key.chain_code, 255, bytes(4), 0).child(0)
    for size in (15, 65):
        with pytest.raises(bip32.SeedLength):
            master(bytes(size))
    with pytest.raises(bip32.ExtendedKeyLength):
        parse_key(base58_encode(bytes(77)))


def test_an_index_without_a_key_is_refused() -> None:
    """Tweaks at or above the order, or that make the key zero (never met in nature)."""
    key = master(bytes(16))
    negative = (bip32.ORDER - int.from_bytes(key.secret, "big")).to_bytes(32, "big")
    for tweak in (b"\xff" * 32, bip32.ORDER.to_bytes(32, "big"), negative):
        with pytest.raises(bip32.ChildInvalid):
            key._add(tweak)
        with pytest.raises(bip32.ChildInvalid):
            key.neuter()._add(tweak)


def test_secrets_are_not_shown() -> None:
    key = master(bytes(16))
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)
    assert repr(key.chain_code) not in repr(key)
