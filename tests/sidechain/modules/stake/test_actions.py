"""Kinds and bytes of actions, and what a registration proves."""

from __future__ import annotations

import pytest

from bystack.primitives import bls
from bystack.primitives.codec import Malformed
from bystack.sidechain.modules.base import ActionUnknown
from bystack.sidechain.modules.stake.actions import (
    KINDS,
    REGISTER_TAG,
    Withdraw,
    check_key,
    consent_message,
    decode_action,
    encode_action,
)
from tests.sidechain.modules.desk import CHAIN
from tests.sidechain.modules.stake.table import runner

A = runner(1)


def test_kinds() -> None:
    kind, body = encode_action(Withdraw(A.root))
    assert decode_action(kind, body) == Withdraw(A.root)
    assert sorted(KINDS) == [1, 2, 3, 4, 5, 6, 7]
    for unknown in (0, 8):
        with pytest.raises(ActionUnknown):
            decode_action(unknown, body)
    with pytest.raises(Malformed):
        decode_action(5, body)


def test_a_consent_is_neither_a_vote_nor_a_proof() -> None:
    """Each signature of the key has its own tag: none can be taken for another."""
    message = consent_message(CHAIN, A.root)
    assert bls.verify(A.key, message, A.consent(), REGISTER_TAG)
    assert not bls.verify(A.key, message, A.consent())
    assert not bls.pop_verify(A.key, A.consent())
    check_key(CHAIN, A.register())
