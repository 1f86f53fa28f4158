"""Identity signatures: deterministic, and False for anything ill-formed."""

from bystack.federation.identity import identity_public, identity_sign, identity_verify

from .stage import dice, secret


def test_rfc_8032_test_1():
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert identity_public(seed).hex() == public
    assert identity_sign(seed, b"").hex().startswith("e5564300c360ac729086e2cc806e828a")


def test_a_signature_is_of_one_key_and_digest():
    public, signature = identity_public(secret(0)), identity_sign(secret(0), dice(1))
    assert identity_sign(secret(0), dice(1)) == signature
    assert identity_verify(public, dice(1), signature)
    assert not identity_verify(public, dice(2), signature)
    assert not identity_verify(identity_public(secret(1)), dice(1), signature)


def test_ill_formed_input_is_false():
    public, signature = identity_public(secret(0)), identity_sign(secret(0), dice(1))
    assert not identity_verify(public, dice(1), signature[:-1])
    assert not identity_verify(public[:-1], dice(1), signature)
    assert not identity_verify(b"\xff" * 32, dice(1), signature)
    assert not identity_verify(b"", b"", b"")
    wide = (
        int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    )
    assert not identity_verify(public, dice(1), signature[:32] + wide.to_bytes(32, "little"))
