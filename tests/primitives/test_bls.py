"""The public API of `bls`: published vectors, algebra and the traps of both libraries."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.primitives import bls, curve
from bystack.primitives.errors import Invalid, Misuse
from tests.primitives.vectors import FOLDER, load, unhex

ETHEREUM = sorted(path.relative_to(FOLDER) for path in FOLDER.glob("eth-bls/*/*.json"))
RFC = load("hash-to-curve/BLS12381G2_XMD_SHA-256_SSWU_RO_.json")
SECRETS = [bls.key_gen(bytes([at]) * 32) for at in range(5)]
PUBLICS = [bls.sk_to_pk(secret) for secret in SECRETS]
MESSAGE = b"\x17" * 32
G2_INFINITY = b"\xc0" + bytes(95)
# Points on the curve outside the subgroup of prime order (x = 4 in G1, x = 2 in G2).
G1_OUTSIDE = b"\x80" + bytes(46) + b"\x04"
G2_OUTSIDE = b"\x80" + bytes(94) + b"\x02"
BAD_G1: list[Any] = [
    b"",
    PUBLICS[0][:-1],
    PUBLICS[0] + b"\x00",
    bytes(48),
    b"\xff" * 48,
    curve.INFINITY,
    b"\xe0" + bytes(47),
    b"\xc0" + bytes(46) + b"\x01",
    b"\xc0" + b"\xff" * 47,
    b"\x40" + bytes(47),
    G1_OUTSIDE,
    bytes([PUBLICS[0][0] & 0x7F]) + PUBLICS[0][1:],
    bytearray(PUBLICS[0]),
    memoryview(PUBLICS[0]),
    PUBLICS[0].hex(),
    None,
]
GOOD = bls.sign(SECRETS[0], MESSAGE)
BAD_G2: list[Any] = [
    b"",
    GOOD[:-1],
    GOOD + b"\x00",
    bytes(96),
    b"\xff" * 96,
    G2_INFINITY,
    b"\xe0" + bytes(95),
    b"\xc0" + bytes(94) + b"\x01",
    b"\xc0" + b"\xff" * 95,
    G2_OUTSIDE,
    bytes([GOOD[0] & 0x7F]) + GOOD[1:],
    bytearray(GOOD),
    memoryview(GOOD),
    GOOD.hex(),
    None,
]


@pytest.fixture(params=["arkworks", "py_ecc"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    bls.use_backend(request.param)
    yield request.param
    bls.use_backend("arkworks")


def answer(kind: str, given: Any) -> Any:
    """What our API says to an Ethereum case, in the form of its `output`."""
    try:
        match kind:
            case "sign":
                return "0x" + bls.sign(unhex(given["privkey"]), unhex(given["message"])).hex()
            case "aggregate":
                return "0x" + bls.aggregate([unhex(sig) for sig in given]).hex()
            case "verify":
                keys = unhex(given["pubkey"])
                return bls.verify(keys, unhex(given["message"]), unhex(given["signature"]))
            case _:
                keys = [unhex(key) for key in given["pubkeys"]]
                message, signature = unhex(given["message"]), unhex(given["signature"])
                return bls.fast_aggregate_verify(keys, message, signature)
    except Invalid:
        return None


@pytest.mark.parametrize("path", ETHEREUM, ids=lambda path: path.stem)
def test_ethereum_vectors(path: Any) -> None:
    case = load(str(path))
    assert answer(path.parent.name, case["input"]) == case["output"]


def test_the_vectors_are_all_there() -> None:
    assert (len(ETHEREUM), len(RFC["vectors"])) == (57, 5)


@pytest.mark.parametrize("path", ETHEREUM[::8], ids=lambda path: path.stem)
def test_ethereum_vectors_by_py_ecc(path: Any) -> None:
    bls.use_backend("py_ecc")
    try:
        test_ethereum_vectors(path)
    finally:
        bls.use_backend("arkworks")


def compressed(point: dict[str, str]) -> bytes:
    """A point of RFC 9380's vectors ("real,imaginary") in ZCash's encoding."""
    x, y = ([int(part, 16) for part in point[axis].split(",")] for axis in "xy")
    prime = int(RFC["field"]["p"], 16)
    larger = (y[1], y[0]) > ((-y[1]) % prime, (-y[0]) % prime)
    data = x[1].to_bytes(48, "big") + x[0].to_bytes(48, "big")
    return bytes([data[0] | 0x80 | 0x20 * larger]) + data[1:]


@pytest.mark.parametrize("case", RFC["vectors"], ids=lambda case: f"{len(case['msg'])} bytes")
def test_rfc_9380_vectors(case: dict[str, Any], backend: str) -> None:
    assert bls.hash_to_g2(case["msg"].encode(), RFC["dst"].encode()) == compressed(case["P"])


def test_key_gen_is_that_of_eip_2333() -> None:
    # EIP-2333, test case 0: its master key is KeyGen of the seed.
    seed = (
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c9"
    )
    seed += "2f2cf141630c7a3c4ab7c81b2f001698e7463b04"
    expected = 6083874454709270928345386274498605044986640685124978867557563392430687146096
    assert int.from_bytes(bls.key_gen(bytes.fromhex(seed)), "big") == expected
    assert bls.key_gen(bytes(32)) != bls.key_gen(bytes(32), b"info")
    with pytest.raises(bls.SeedTooShort):
        bls.key_gen(bytes(31))


@settings(max_examples=4, deadline=None)
@given(st.binary(min_size=32, max_size=40), st.binary(max_size=100))
def test_backends_give_the_same_bytes(ikm: bytes, message: bytes) -> None:
    results = []
    for name in ("arkworks", "py_ecc"):
        bls.use_backend(name)
        secret = bls.key_gen(ikm)
        results.append((bls.sk_to_pk(secret), bls.sign(secret, message)))
    bls.use_backend("arkworks")
    assert results[0] == results[1]
    assert bls.verify(results[0][0], message, results[0][1])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 48 * 8 - 1) | st.none(), st.binary(min_size=48, max_size=48), st.data())
def test_backends_accept_the_same_bytes(bit: int | None, noise: bytes, data: st.DataObject) -> None:
    """Random points, and valid ones with one bit changed."""
    start = int.from_bytes(noise if bit is None else PUBLICS[0], "big")
    key = (start ^ (0 if bit is None else 1 << bit)).to_bytes(48, "big")
    signature = bytearray(data.draw(st.sampled_from([GOOD, G2_INFINITY, noise + noise])))
    signature[data.draw(st.integers(0, 95))] ^= data.draw(st.sampled_from([0, 1, 32, 64, 128]))
    verdicts = []
    for name in ("arkworks", "py_ecc"):
        bls.use_backend(name)
        verdicts.append((bls.key_validate(key), bls.signature_validate(bytes(signature))))
    bls.use_backend("arkworks")
    assert verdicts[0] == verdicts[1]


def test_ill_formed_keys_are_false_everywhere(backend: str) -> None:
    for key in BAD_G1:
        assert not bls.key_validate(key)
        assert not bls.verify(key, MESSAGE, GOOD)
        assert not bls.pop_verify(key, GOOD)
        assert not bls.fast_aggregate_verify([PUBLICS[0], key], MESSAGE, GOOD)
        assert not bls.aggregate_verify([PUBLICS[0], key], [MESSAGE, b""], GOOD)
        assert not bls.batch_verify([PUBLICS[0], key], [MESSAGE] * 2, [GOOD] * 2)


def test_ill_formed_signatures_are_false_everywhere(backend: str) -> None:
    for signature in BAD_G2:
        assert not bls.signature_validate(signature)
        assert not bls.verify(PUBLICS[0], MESSAGE, signature)
        assert not bls.pop_verify(PUBLICS[0], signature)
        assert not bls.fast_aggregate_verify(PUBLICS[:1], MESSAGE, signature)
        assert not bls.aggregate_verify(PUBLICS[:1], [MESSAGE], signature)
        assert not bls.batch_verify(PUBLICS[:1], [MESSAGE], [signature])
        with pytest.raises(bls.SignatureMalformed):
            bls.combine({1: signature})
        if signature != G2_INFINITY:
            with pytest.raises(bls.SignatureMalformed) as caught:
                bls.aggregate([GOOD, signature])
            assert caught.value.index == 1


def test_a_message_that_is_no_bytes_is_false() -> None:
    for message in (bytearray(MESSAGE), memoryview(MESSAGE), "text", None):
        bad: Any = message
        assert not bls.verify(PUBLICS[0], bad, GOOD)
        assert not bls.fast_aggregate_verify(PUBLICS[:1], bad, GOOD)
        assert not bls.batch_verify(PUBLICS[:1], [bad], [GOOD])


def test_empty_lists_prove_nothing(backend: str) -> None:
    assert not bls.aggregate_verify([], [], GOOD)
    assert not bls.fast_aggregate_verify([], MESSAGE, GOOD)
    assert not bls.fast_aggregate_verify([], MESSAGE, G2_INFINITY)
    assert not bls.batch_verify([], [], [])
    for call in (bls.aggregate, bls.combine):
        with pytest.raises(bls.NothingToAggregate):
            call({})  # type: ignore[arg-type]


def test_no_backend_takes_an_empty_product(backend: str) -> None:
    with pytest.raises(Misuse):
        bls._backend.product_is_one([])


def test_unequal_lengths_are_false_not_cut() -> None:
    assert not bls.aggregate_verify(PUBLICS[:2], [MESSAGE], GOOD)
    assert not bls.aggregate_verify(PUBLICS[:1], [MESSAGE, MESSAGE], GOOD)
    assert not bls.batch_verify(PUBLICS[:2], [MESSAGE], [GOOD])
    assert not bls.batch_verify(PUBLICS[:1], [MESSAGE], [GOOD, GOOD])


@pytest.mark.parametrize(
    "secret", [bytes(32), curve.ORDER.to_bytes(32, "big"), b"\xff" * 32, b"\x01" * 31, b"", 5, True]
)
def test_a_secret_outside_the_range_is_refused_unseen(secret: Any) -> None:
    for call in (bls.sk_to_pk, bls.pop_prove, lambda sk: bls.sign(sk, MESSAGE)):
        with pytest.raises(bls.BlsSecretInvalid) as caught:
            call(secret)
        assert caught.value.facts == {}


@pytest.mark.parametrize("tag", [b"", b"x" * 256])
def test_a_tag_is_1_to_255_bytes(tag: bytes, backend: str) -> None:
    with pytest.raises(Misuse):
        bls.hash_to_g2(MESSAGE, tag)


def test_tags_are_domains() -> None:
    proof = bls.pop_prove(SECRETS[0])
    assert bls.pop_verify(PUBLICS[0], proof)
    assert not bls.pop_verify(PUBLICS[1], proof)
    assert not bls.verify(PUBLICS[0], PUBLICS[0], proof)
    signature = bls.sign(SECRETS[0], MESSAGE, b"other")
    assert bls.verify(PUBLICS[0], MESSAGE, signature, tag=b"other")
    assert not bls.verify(PUBLICS[0], MESSAGE, signature)


def test_aggregates() -> None:
    messages = [b"a", b"b", b"a", b"", b"c"]
    signatures = [bls.sign(s, m) for s, m in zip(SECRETS, messages, strict=True)]
    together = bls.aggregate(signatures)
    assert bls.aggregate_verify(PUBLICS, messages, together)
    assert not bls.aggregate_verify(PUBLICS, messages[::-1], together)
    same = bls.aggregate([bls.sign(secret, MESSAGE) for secret in SECRETS])
    assert bls.fast_aggregate_verify(PUBLICS, MESSAGE, same)
    assert not bls.fast_aggregate_verify(PUBLICS[:4], MESSAGE, same)


def test_aggregates_by_py_ecc() -> None:
    together = bls.aggregate([bls.sign(s, MESSAGE) for s in SECRETS[:2]])
    bls.use_backend("py_ecc")
    try:
        assert bls.fast_aggregate_verify(PUBLICS[:2], MESSAGE, together)
        assert not bls.fast_aggregate_verify(PUBLICS[1:3], MESSAGE, together)
        assert bls.aggregate_verify(PUBLICS[:2], [MESSAGE] * 2, together)
        pair = [bls.sign(s, MESSAGE) for s in SECRETS[:2]]
        assert bls.batch_verify(PUBLICS[:2], [MESSAGE] * 2, pair)
        assert not bls.batch_verify(PUBLICS[:2], [MESSAGE] * 2, pair[::-1])
    finally:
        bls.use_backend("arkworks")


def opposite(point: bytes) -> bytes:
    return bytes([point[0] ^ 0x20]) + point[1:]


def test_a_key_and_its_opposite_sign_nothing(backend: str) -> None:
    """Their sum is infinity, under which infinity would be a signature of everything."""
    pair = [PUBLICS[0], opposite(PUBLICS[0])]
    assert all(bls.key_validate(key) for key in pair)
    assert not bls.fast_aggregate_verify(pair, MESSAGE, G2_INFINITY)
    assert not bls.aggregate_verify(pair, [MESSAGE, MESSAGE], G2_INFINITY)


def test_a_rogue_key_has_no_proof_of_possession() -> None:
    """Key b*G - target makes the attacker's signature look like both's; only the proof stops it."""
    target, attacker = PUBLICS[0], SECRETS[1]
    rogue = curve.g1_add([PUBLICS[1], opposite(target)])
    assert bls.fast_aggregate_verify([target, rogue], MESSAGE, bls.sign(attacker, MESSAGE))
    assert not bls.pop_verify(rogue, bls.sign(attacker, rogue, bls.POP_TAG))
    assert not bls.pop_verify(rogue, bls.pop_prove(attacker))


def test_a_key_given_twice_counts_twice() -> None:
    """So callers must name signers by bits over a fixed set: the check alone cannot know."""
    double = bls.aggregate([GOOD, GOOD])
    assert bls.fast_aggregate_verify([PUBLICS[0]] * 2, MESSAGE, double)
    assert not bls.fast_aggregate_verify([PUBLICS[0]], MESSAGE, double)


def test_a_batch_is_good_only_if_every_signature_is() -> None:
    messages = [b"a", b"b", b"a", b"", b"c"]
    signatures = [bls.sign(s, m) for s, m in zip(SECRETS, messages, strict=True)]
    assert bls.batch_verify(PUBLICS, messages, signatures)
    assert not bls.batch_verify(PUBLICS, messages, signatures, tag=b"other")
    for at in range(5):
        wrong = [*signatures[:at], GOOD, *signatures[at + 1 :]]
        assert not bls.batch_verify(PUBLICS, messages, wrong)


def test_errors_that_cancel_do_not_pass_a_batch() -> None:
    """Signature one plus D and two minus D: their plain sum is good, neither is."""
    first, second = (bls.sign(secret, MESSAGE) for secret in SECRETS[:2])
    shift = bls.sign(SECRETS[2], b"anything")
    forged = [bls.aggregate([first, shift]), bls.aggregate([second, opposite(shift)])]
    assert bls.aggregate(forged) == bls.aggregate([first, second])
    assert bls.fast_aggregate_verify(PUBLICS[:2], MESSAGE, bls.aggregate(forged))
    assert not bls.batch_verify(PUBLICS[:2], [MESSAGE] * 2, forged)
    assert not bls.batch_verify(PUBLICS[:2], [MESSAGE] * 2, [second, first])


def test_batch_coefficients_depend_on_every_input() -> None:
    def draw(keys: list[bytes], messages: list[bytes], sigs: list[bytes], tag: bytes) -> Any:
        return tuple(bls._coefficients(keys, messages, sigs, tag))

    drawn = {
        draw([b"k" * 48] * 2, [b"ab", b"c"], [b"s" * 96] * 2, b"t"),
        draw([b"k" * 48, b"K" * 48], [b"ab", b"c"], [b"s" * 96] * 2, b"t"),
        draw([b"k" * 48] * 2, [b"a", b"bc"], [b"s" * 96] * 2, b"t"),
        draw([b"k" * 48] * 2, [b"ab", b"c"], [b"s" * 96, b"S" * 96], b"t"),
        draw([b"k" * 48] * 2, [b"ab", b"c"], [b"s" * 96] * 2, b"T"),
    }
    assert len(drawn) == 5
    for factors in drawn:
        assert len(set(factors)) == 2 and all(f % 2 and f < 2**128 for f in factors)


def share(coefficients: list[int], index: int) -> bytes:
    value = sum(c * index**k for k, c in enumerate(coefficients)) % curve.ORDER
    return value.to_bytes(32, "big")


def test_every_quorum_combines_to_the_groups_signature(backend: str) -> None:
    coefficients = [int.from_bytes(secret, "big") for secret in SECRETS[:3]]
    whole = bls.sign(coefficients[0].to_bytes(32, "big"), MESSAGE)
    quorums = [(1, 2, 3), (7, 65535, 2)] if backend == "arkworks" else [(1, 2, 9)]
    for quorum in quorums:
        partials = {i: bls.sign(share(coefficients, i), MESSAGE) for i in quorum}
        assert bls.combine(partials) == whole
        assert bls.combine(dict(reversed(partials.items()))) == whole
    partials.pop(2)
    assert bls.combine(partials) != whole


def test_share_public_keys(backend: str) -> None:
    coefficients = [int.from_bytes(secret, "big") for secret in SECRETS[:3]]
    commitments = [curve.g1_mul(c) for c in coefficients]
    for index in (1, 300):
        expected = bls.sk_to_pk(share(coefficients, index))
        assert bls.share_public_key(commitments, index) == expected
        assert curve.evaluate_commitments(commitments, index) == expected
    for bad in (0, 65536, -1):
        with pytest.raises(curve.IndexInvalid):
            bls.share_public_key(commitments, bad)
    with pytest.raises(curve.PointMalformed):
        bls.share_public_key([*commitments, G1_OUTSIDE], 1)
    with pytest.raises(curve.NoCommitments):
        bls.share_public_key([], 1)


@pytest.mark.parametrize("index", [0, -1, 65536, curve.ORDER, True])
def test_a_share_index_is_1_to_65535(index: int) -> None:
    with pytest.raises(curve.IndexInvalid):
        bls.combine({index: GOOD, 2: GOOD})


def test_py_ecc_does_not_lift_the_recursion_limit(backend: str) -> None:
    """Its import does, and then nested hostile bytes crash the decoder instead of being refused."""
    assert sys.getrecursionlimit() < 10_000


def test_only_two_backends() -> None:
    with pytest.raises(Misuse):
        bls.use_backend("milagro")
    assert bls._backend.name == "arkworks"
