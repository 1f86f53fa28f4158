"""The text form of policies says exactly what the policy is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bystack.ledger.policies import After, All, Any, Bls, Key, Older, Policy, Sha256, Thresh
from bystack.ledger.policy_text import (
    KeyNameUnknown,
    PolicyTextInvalid,
    parse_policy,
    print_policy,
)
from bystack.primitives.errors import Invalid
from tests.ledger.strategies import policies

ALICE, BOB = b"\xaa" * 32, b"\xbb" * 32


@given(policies())
def test_what_is_printed_parses_to_the_same_policy(policy: Policy) -> None:
    assert parse_policy(print_policy(policy)) == policy


def test_names_stand_for_keys() -> None:
    text = "thresh(2, key(alice), key(bob), all(key(alice), older(144)))"
    alice = Key(ALICE)
    policy = Thresh(2, (alice, Key(BOB), All((alice, Older(144)))))
    assert parse_policy(text, {"alice": ALICE, "bob": BOB}) == policy
    assert print_policy(policy, {ALICE: "alice", BOB: "bob"}) == text


def test_every_word_and_free_spacing() -> None:
    text = f" any(after( 7 ),older(9) ,sha256({'0c' * 32}),\n bls({'01' * 48})) "
    expected = Any((After(7), Older(9), Sha256(b"\x0c" * 32), Bls(b"\x01" * 48)))
    assert parse_policy(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "key",
        "key()",
        "key(zz)(",
        "all()",
        "all(after(1),)",
        "after(1) after(2)",
        "after(-1)",
        "after(9223372036854775808)",
        "after(1.5)",
        "older(x)",
        "sha256(0c)",
        "sha256(name)",
        "key(" + "0c" * 31 + ")",
        "key(" + "0c" * 48 + ")",
        "bls(" + "0c" * 32 + ")",
        "thresh(after(1))",
        "thresh(0, after(1))",
        "thresh(2, after(1))",
        "pk(" + "0c" * 32 + ")",
        "after(1",
        "after(1))",
        "after(1)$",
        "all(" * 9 + "after(1)" + ")" * 9,
        "all(" * 3000 + "after(1)" + ")" * 3000,
        "all(" + ", ".join(["after(1)"] * 65) + ")",
        " " * 20_001,
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_policy(text)


def test_the_error_says_where() -> None:
    with pytest.raises(PolicyTextInvalid) as caught:
        parse_policy("all(after(1), later(2))")
    assert caught.value.position == 14
    assert caught.value.found == "later"


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(KeyNameUnknown) as caught:
        parse_policy("key(carol)")
    assert caught.value.name == "carol"


def test_a_named_key_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(PolicyTextInvalid):
        parse_policy("bls(alice)", {"alice": ALICE})


@given(st.text(alphabet="keyalbsnthrolder()0123456789,af ", max_size=60))
def test_any_text_parses_or_is_refused_by_name(text: str) -> None:
    try:
        policy = parse_policy(text)
    except Invalid:
        return
    assert parse_policy(print_policy(policy)) == policy
