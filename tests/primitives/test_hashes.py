import hashlib

from hypothesis import given
from hypothesis import strategies as st

from bystack.primitives.hashes import fixed, sha256, tagged, tagged_exactly


@given(st.text(max_size=20), st.lists(st.binary(max_size=200), max_size=4))
def test_tagged_is_the_hash_of_bip_340(thing: str, parts: list[bytes]) -> None:
    prefix = hashlib.sha256(f"bystack/{thing}".encode()).digest()
    expected = hashlib.sha256(prefix + prefix + b"".join(parts)).digest()
    assert tagged(thing)(*parts) == expected
    assert tagged_exactly(f"bystack/{thing}")(*parts) == expected


def test_tags_are_domains() -> None:
    assert tagged("tx")(b"data") != tagged("block")(b"data")
    assert tagged("tx")(b"data") != sha256(b"data")


def test_fixed_is_big_endian() -> None:
    assert fixed(258) == bytes(6) + b"\x01\x02"
    assert fixed(1, 4) == b"\x00\x00\x00\x01"
