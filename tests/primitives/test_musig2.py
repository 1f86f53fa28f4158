from typing import Any

import pytest
from btclib_secp256k1 import ffi, lib, musig
from btclib_secp256k1 import keys as points
from btclib_secp256k1.context import ctx

from bystack.primitives import keys
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.keys import SecretKeyInvalid
from bystack.primitives.musig2 import (
    MAX_SIGNERS,
    NonceForeign,
    NonceInvalid,
    PartialInvalid,
    SignerKeyInvalid,
    SignersCount,
    aggregate,
    check_partials,
    combine,
    partial_sign,
    plain_key,
    public_nonce,
    sort_keys,
)
from tests.primitives.vectors import load

BIP327: dict[str, Any] = load("bips/bip327_vectors.json")
KEY_AGG, SIGN, AGG = BIP327["key_agg"], BIP327["sign_verify"], BIP327["sig_agg"]
SECRETS = [bytes([n]) * 32 for n in (1, 2, 3)]
MESSAGE = b"\x11" * 32


def chosen(table: list[str], indices: list[int]) -> list[bytes]:
    return [bytes.fromhex(table[index]) for index in indices]


def session(count: int = 3) -> tuple[tuple[bytes, ...], list[bytes], list[bytes]]:
    """Keys in order, nonces and partial signatures of `count` people; entropy is 9, 10, ..."""
    ours = [plain_key(secret) for secret in SECRETS[:count]]
    nonces = [public_nonce(ours, SECRETS[n], MESSAGE, entropy(n)) for n in range(count)]
    partials = [
        partial_sign(ours, nonces, n, SECRETS[n], MESSAGE, entropy(n)) for n in range(count)
    ]
    return tuple(ours), nonces, partials


def entropy(signer: int) -> bytes:
    return bytes([9 + signer]) * 32


def verify_partial(
    ours: list[bytes], nonces: list[bytes], signer: int, message: bytes, partial: bytes
) -> bool:
    """Whether one signer's is right, the others' not there yet."""
    partials = [partial if place == signer else b"" for place in range(len(ours))]
    try:
        check_partials(ours, nonces, message, partials)
    except PartialInvalid as error:
        assert error.facts["signer"] == signer
        return False
    return True


@pytest.mark.parametrize("case", KEY_AGG["valid"])
def test_bip327_key_aggregation(case: dict[str, Any]) -> None:
    assert aggregate(chosen(KEY_AGG["pubkeys"], case["keys"])).hex().upper() == case["expected"]


@pytest.mark.parametrize("case", SIGN["valid"])
def test_bip327_partial_signatures(case: dict[str, Any]) -> None:
    ours, nonces = chosen(SIGN["pubkeys"], case["keys"]), chosen(SIGN["nonces"], case["nonces"])
    message, expected = bytes.fromhex(SIGN["message"]), bytes.fromhex(case["expected"])
    assert verify_partial(ours, nonces, case["signer"], message, expected)
    assert _signed(ours, nonces, message) == expected


def _signed(ours: list[bytes], nonces: list[bytes], message: bytes) -> bytes:
    """Signed with the published secret nonce, which the library holds in a form of its own."""
    secret = bytes.fromhex(SIGN["sk"])
    own = points.parse(points.pubkey_from_prvkey(secret), "public key")
    held = ffi.new("secp256k1_musig_secnonce *")
    image = b"\x22\x0e\xdc\xf1" + bytes.fromhex(SIGN["secnonce"]) + bytes(ffi.buffer(own))
    ffi.memmove(held, image, len(image))
    cache = musig.KeyAggCache(ours)
    made = musig.Session(musig.nonce_agg(nonces), message, cache)
    nonce = ffi.new("secp256k1_musig_pubnonce *")
    assert lib.secp256k1_musig_pubnonce_parse(ctx, nonce, bytes.fromhex(SIGN["nonces"][0]))
    return bytes(musig.SecretNonce(held, nonce, own).partial_sign(secret, cache, made))


@pytest.mark.parametrize("case", SIGN["wrong"])
def test_bip327_wrong_partial_signatures(case: dict[str, Any]) -> None:
    ours, nonces = chosen(SIGN["pubkeys"], [0, 1, 2]), chosen(SIGN["nonces"], [0, 1, 2])
    message, partial = bytes.fromhex(SIGN["message"]), bytes.fromhex(case["sig"])
    assert not verify_partial(ours, nonces, case["signer"], message, partial)


def test_bip327_contributions_that_are_none() -> None:
    good, nonces = chosen(SIGN["pubkeys"], [0, 1, 2]), chosen(SIGN["nonces"], [4, 1, 2])
    with pytest.raises(NonceInvalid):
        verify_partial(good, nonces, 0, MESSAGE, bytes(32))
    bad, nonces = chosen(SIGN["pubkeys"], [1, 0, 3]), chosen(SIGN["nonces"], [0, 1, 2])
    with pytest.raises(SignerKeyInvalid) as caught:
        verify_partial(bad, nonces, 0, MESSAGE, bytes(32))
    assert caught.value.facts["signer"] == 2


@pytest.mark.parametrize("case", AGG["valid"])
def test_bip327_aggregate_signatures(case: dict[str, Any]) -> None:
    ours, nonces = chosen(AGG["pubkeys"], case["keys"]), chosen(AGG["nonces"], case["nonces"])
    message, parts = bytes.fromhex(AGG["message"]), chosen(AGG["partials"], case["partials"])
    signature = combine(ours, nonces, message, parts)
    assert signature.hex().upper() == case["expected"]
    assert keys.verify(aggregate(ours), message, signature)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_all_together_sign_as_one_key(count: int) -> None:
    ours, nonces, partials = session(count)
    signature = combine(ours, nonces, MESSAGE, partials)
    assert keys.verify(aggregate(ours), MESSAGE, signature)
    assert not keys.verify(aggregate(ours), b"\x12" * 32, signature)


def test_the_order_of_keys_counts_and_sorting_removes_it() -> None:
    ours = [plain_key(secret) for secret in SECRETS]
    turned = ours[::-1]
    assert aggregate(ours) != aggregate(turned)
    assert aggregate(sort_keys(ours)) == aggregate(sort_keys(turned))


def test_a_bad_partial_signature_names_its_signer() -> None:
    ours, nonces, partials = session()
    for bad in (partials[0], bytes(32), b"", b"\xff" * 32):
        with pytest.raises(PartialInvalid) as caught:
            combine(ours, nonces, MESSAGE, [partials[0], bad, partials[2]])
        assert caught.value.facts == {"signer": 1, "key": ours[1]}


def test_a_nonce_serves_one_message_one_entropy_and_one_set_of_keys() -> None:
    """Anything else asks for another nonce, and the one published is not signed with."""
    ours, nonces, _ = session()
    with pytest.raises(NonceForeign):
        partial_sign(ours, nonces, 0, SECRETS[0], b"\x12" * 32, entropy(0))
    with pytest.raises(NonceForeign):
        partial_sign(ours, nonces, 0, SECRETS[0], MESSAGE, entropy(7))
    with pytest.raises(NonceForeign):
        partial_sign(ours[:2], nonces[:2], 0, SECRETS[0], MESSAGE, entropy(0))
    with pytest.raises(NonceForeign):  # somebody else's place
        partial_sign(ours, nonces, 1, SECRETS[0], MESSAGE, entropy(0))


def test_what_no_session_takes() -> None:
    ours, nonces, partials = session()
    refusals: list[tuple[type[Exception], Any]] = [
        (SignersCount, lambda: aggregate([])),
        (SignersCount, lambda: aggregate([ours[0]] * (MAX_SIGNERS + 1))),
        (SignersCount, lambda: combine(ours, nonces[:2], MESSAGE, partials)),
        (SignersCount, lambda: combine(ours, nonces, MESSAGE, partials[:2])),
        (SignerKeyInvalid, lambda: aggregate([ours[0][1:]])),
        (SignerKeyInvalid, lambda: aggregate([b"\x04" + ours[0][1:]])),
        (SecretKeyInvalid, lambda: public_nonce(ours, bytes(32), MESSAGE, entropy(0))),
        (Misuse, lambda: public_nonce(ours, SECRETS[0], b"", entropy(0))),
        (Misuse, lambda: public_nonce(ours, SECRETS[0], MESSAGE, bytes(32))),
        (Misuse, lambda: public_nonce(ours, SECRETS[0], MESSAGE, b"\x01")),
    ]
    for error, call in refusals:
        with pytest.raises(error):
            call()
    assert issubclass(NonceInvalid, Invalid)
