"""What is to be watched, as text: said once, printed the same, refused where it is not that."""

from __future__ import annotations

import pytest

from bystack.ledger.accounts import TEST_COIN, account_of
from bystack.ledger.descriptors import (
    AccountDescriptor,
    DescriptorAddress,
    DescriptorChecksum,
    DescriptorMalformed,
    DescriptorPrivate,
    LockDescriptor,
    parse_descriptor,
    print_descriptor,
)
from bystack.ledger.policies import Older
from bystack.ledger.policy_text import PolicyTextInvalid
from bystack.ledger.satisfaction import policy_root
from bystack.primitives.addresses import DEPOSIT, Address, encode_address
from bystack.primitives.bip32 import PathMalformed, master
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB

ACCOUNT = account_of(master(b"\x05" * 32), TEST_COIN, 3)
PATH = "m/86'/1'/3'"
BRANCHES = (ALICE.policy, Older(144))
WATCHED = [
    AccountDescriptor("rm", PATH, ACCOUNT.key.neuter()),
    LockDescriptor("rm", BOB.lock.root),
    LockDescriptor("rm", policy_root(BRANCHES), BRANCHES),
]


@pytest.mark.parametrize("watched", WATCHED)
def test_what_is_printed_is_read_again(watched: AccountDescriptor | LockDescriptor) -> None:
    text = print_descriptor(watched)
    assert parse_descriptor(text) == watched
    assert parse_descriptor(text.partition("#")[0]) == watched


@pytest.mark.parametrize("watched", WATCHED)
def test_a_changed_text_is_refused(watched: AccountDescriptor | LockDescriptor) -> None:
    text = print_descriptor(watched)
    for at in range(len(text)):
        changed = text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]
        with pytest.raises(Invalid):
            parse_descriptor(changed)


def test_a_private_key_is_not_taken_and_not_printed() -> None:
    with pytest.raises(DescriptorPrivate) as refused:
        parse_descriptor(f"account(rm, {PATH}, {ACCOUNT.key.text()})")
    assert ACCOUNT.key.text() not in str(refused.value)
    assert "xprv" not in print_descriptor(AccountDescriptor("rm", PATH, ACCOUNT.key))


@pytest.mark.parametrize(
    "text, error",
    [
        ("", DescriptorMalformed),
        ("x" * 50_000, DescriptorMalformed),
        ("account(rm, m)", DescriptorMalformed),
        ("account(rm, 86, xpub)", PathMalformed),
        ("policy(rm)", DescriptorMalformed),
        ("policy(rm, key(none))", Invalid),
        ("policy(rm, older(1) |)", PolicyTextInvalid),
        ("address(rm1qqqq)", Invalid),
        ("address(rm1qqqq)#00000000", DescriptorChecksum),
    ],
)
def test_what_is_none_is_refused(text: str, error: type[Invalid]) -> None:
    with pytest.raises(error):
        parse_descriptor(text)


def test_a_deposit_address_is_not_watched() -> None:
    deposit = encode_address(Address("rm", DEPOSIT, bytes(96)))
    with pytest.raises(DescriptorAddress):
        parse_descriptor(f"address({deposit})")
