import pytest

from bystack.p2p.identity import Identity, node_id, verify
from bystack.primitives.errors import Misuse
from tests.p2p.people import ALICE, BOB


def test_rfc_8032_first_vector() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    identity = Identity.from_seed(seed)
    assert identity.public.hex() == (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert identity.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a")


def test_signatures_belong_to_key_and_digest() -> None:
    signature = ALICE.sign(b"x" * 32)
    assert verify(ALICE.public, b"x" * 32, signature)
    assert not verify(BOB.public, b"x" * 32, signature)
    assert not verify(ALICE.public, b"y" * 32, signature)


@pytest.mark.parametrize("public", [b"", b"\xff" * 32, b"a" * 31, b"\x00" * 32])
def test_bad_keys_verify_nothing(public: bytes) -> None:
    assert not verify(public, b"x" * 32, ALICE.sign(b"x" * 32))


def test_names_differ_and_secrets_do_not_show() -> None:
    assert ALICE.node_id == node_id(ALICE.public) != BOB.node_id
    assert "_key" not in repr(ALICE)
    with pytest.raises(Misuse):
        Identity.from_seed(b"short")
