"""What a key without a node is asked: sentences and digests come from the operation's bytes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bystack.federation.offline import KeyUninvolved, Names, TermsClaimMissing, sentences, to_sign
from bystack.ledger.policies import Key
from bystack.ledger.terms import Recover as RecoverRule
from bystack.ledger.terms import terms_hash
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_operations import (
    Adopt,
    Announce,
    Cancel,
    Complete,
    Create,
    Freeze,
    Operation,
    Order,
    Recover,
    Replace,
    Touch,
    Veto,
    accept_digest,
    counter_of,
    operation_digest,
)
from bystack.primitives.keys import public_key
from tests.federation.guarding.tower import BTM, paid
from tests.sidechain.mainside import CHAIN, KEYS, TERMS

VAULT = b"\x09" * 32
OWN = {name: public_key(secret) for name, secret in KEYS.items()}
FRESH = public_key(b"\x07" * 32)
NEW = replace(TERMS, recover=RecoverRule(Key(FRESH), 500), note=b"m" * 32)
NAMES = Names({OWN["guard"]: "tower-1", FRESH: "r9"}, {BTM: ("BTM", 2)})
COIN = Outpoint(b"\x01" * 32, 1)


@pytest.mark.parametrize(
    ("operation", "who"),
    [
        (Freeze(3), "guard"),
        (Veto(COIN), "guard"),
        (Cancel(3, bytes(32)), "guard"),
        (Replace(3, NEW), "guard"),
        (Replace(3, NEW), "recover"),
        (Replace(3, NEW), "govern"),
        (Recover(3, NEW), "recover"),
        (Announce(3, bytes(32)), "govern"),
        (Create(TERMS), "recover"),
    ],
)
def test_who_signs_what(operation: Operation, who: str) -> None:
    (one,) = to_sign(OWN[who], CHAIN, VAULT, operation, TERMS)
    assert one.digest == operation_digest(CHAIN, VAULT, counter_of(operation), operation)
    assert not one.accepts


def test_a_new_key_shows_that_it_is_held() -> None:
    (one,) = to_sign(FRESH, CHAIN, VAULT, Recover(0, NEW), TERMS)
    assert one.accepts and one.digest == accept_digest(CHAIN, VAULT, terms_hash(NEW))


@pytest.mark.parametrize(
    ("operation", "who"),
    [(Freeze(3), "recover"), (Recover(0, NEW), "guard"), (Touch(0, 0), "guard"),
     (Adopt(NEW), "guard"), (Complete(), "guard")],
)  # fmt: skip
def test_who_signs_nothing(operation: Operation, who: str) -> None:
    with pytest.raises(KeyUninvolved):
        to_sign(OWN[who], CHAIN, VAULT, operation, TERMS)


def test_who_signs_depends_on_the_terms_in_force() -> None:
    with pytest.raises(TermsClaimMissing):
        to_sign(OWN["guard"], CHAIN, VAULT, Freeze(3), None)


def text(operation: Operation) -> str:
    return "\n".join(sentences(VAULT, operation, TERMS, NAMES))


def test_a_change_of_terms_says_what_goes_and_what_comes() -> None:
    shown = text(Replace(0, NEW))
    assert "NEW TERMS AT ONCE" in shown and terms_hash(NEW).hex() in shown
    assert f"  - recover: key({OWN['recover'].hex()}), alone after 500" in shown
    assert "  + recover: key(r9), alone after 500" in shown
    assert "    guard: thresh(1, key(tower-1)), freezes 20 blocks" in shown, "what stays"


def test_limits_are_said_in_the_assets_own_unit() -> None:
    assert "pays at most 10 BTM (5 BTM more every 2 blocks)" in text(Create(TERMS))
    assert "pays ANY AMOUNT of any asset, after 144 blocks" in text(Create(TERMS))


def test_an_order_says_that_it_pays() -> None:
    shown = text(Order(0, 0, (paid(1_234),)))
    assert "PAYS OUT" in shown and "12.34 BTM to " in shown


@pytest.mark.parametrize(
    "operation",
    [Freeze(1), Veto(COIN), Cancel(1, bytes(32)), Announce(1, bytes(32)), Touch(1, 0), Complete()],
)
def test_every_operation_has_its_sentence(operation: Operation) -> None:
    assert len(list(sentences(VAULT, operation, None))) == 2
