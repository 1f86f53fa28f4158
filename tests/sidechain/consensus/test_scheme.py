"""The BLS scheme, and that the simulation's hash scheme answers alike."""

from __future__ import annotations

import pytest

from tests.simulation.schemes import Keyring, bls_keyring, hash_keyring

M, N = b"m" * 32, b"n" * 32


@pytest.mark.parametrize("ring", [bls_keyring(4), hash_keyring(4)], ids=["bls", "hash"])
def test_schemes_agree(ring: Keyring) -> None:
    keys, scheme, sign = [v.key for v in ring.validators.validators], ring.scheme, ring.sign
    assert scheme.verify(keys[0], M, sign(0, M))
    assert not scheme.verify(keys[1], M, sign(0, M))
    assert not scheme.verify(keys[0], N, sign(0, M))
    assert scheme.signature_valid(sign(0, M)) and not scheme.signature_valid(bytes(96))
    both = scheme.aggregate([sign(0, M), sign(1, M)])
    assert scheme.fast_aggregate_verify(keys[:2], M, both)
    assert not scheme.fast_aggregate_verify(keys[:3], M, both)
    assert not scheme.fast_aggregate_verify([], M, both)
    mixed = scheme.aggregate([sign(0, M), sign(1, M), sign(2, N)])
    assert scheme.group_verify([(keys[:2], M), (keys[2:3], N)], mixed)
    assert not scheme.group_verify([(keys[:1], M), (keys[1:3], N)], mixed)
    assert not scheme.group_verify([], mixed)


def test_ill_formed_keys_are_false() -> None:
    scheme = bls_keyring(4).scheme
    good = bls_keyring(4).sign(0, M)
    for key in (bytes(48), b"\xc0" + bytes(47), b"\xff" * 48):
        assert not scheme.verify(key, M, good)
        assert not scheme.group_verify([([key], M)], good)
        assert not scheme.prove_check(key, good)
