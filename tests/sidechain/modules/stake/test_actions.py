"""Kinds and bytes of actions, and what a registration proves."""

from __future__ import annotations

import pytest

from bystack.ledger.checks import verify_checks
from bystack.primitives import bls
from bystack.primitives.codec import Malformed
from bystack.sidechain.consensus.statements import COMMIT, Vote
from bystack.sidechain.modules.base import ActionUnknown
from bystack.sidechain.modules.stake.actions import (
    KINDS,
    Withdraw,
    consent_message,
    decode_action,
    encode_action,
    key_checks,
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
    """What a vote signs has another tag, what a proof of possession signs another domain."""
    message = consent_message(CHAIN, A.root)
    bare = Vote(COMMIT, 0, 9, 1, CHAIN, A.root, 0, bytes(96))
    assert message != bare.digest(CHAIN)
    assert not bls.pop_verify(A.key, A.consent())
    assert verify_checks(key_checks(CHAIN, A.register()))
    assert not verify_checks(key_checks(bytes(32), A.register()))
