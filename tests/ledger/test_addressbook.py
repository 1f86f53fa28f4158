"""Addresses are watched a gap ahead, per account; what was handed out is never lost from sight."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.accounts import (
    CHANGE,
    RECEIVE,
    SINGLES,
    TEST_COIN,
    WATCHED,
    Place,
    account_of,
)
from bystack.ledger.addressbook import MAX_GAP, AccountUnknown, AddressBook, GapExceeded
from bystack.ledger.transactions import PolicyLock
from bystack.primitives.bip32 import master
from tests.ledger.people import BOB

SEED = master(b"\x05" * 32)
FIRST, SECOND = (account_of(SEED, TEST_COIN, number) for number in (0, 1))


def lock(index: int, change: int = RECEIVE) -> PolicyLock:
    return PolicyLock(FIRST.root(Place(change, index)))


def book(gap: int = 3) -> AddressBook:
    made = AddressBook(gap)
    made.add(0, FIRST)
    return made


def again(old: AddressBook) -> AddressBook:
    """As loaded from what was stored, without private keys."""
    made = AddressBook(old.gap, dict(old.records), dict(old.places))
    for number, account in old.accounts.items():
        made.add(number, account.watching())
    return made


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["new", "force", "paid", "change"]), st.integers(0, 8))))
def test_what_is_handed_out_or_within_the_gap_is_watched(steps: list[tuple[str, int]]) -> None:
    here, given_out, used = book(), 0, [0, 0]
    for name, index in steps:
        match name:
            case "new" | "force":
                expected = max(given_out, used[RECEIVE])
                if name == "new" and expected - used[RECEIVE] >= here.gap:
                    with pytest.raises(GapExceeded):
                        here.new_lock()
                    continue
                assert here.new_lock(force=name == "force") == lock(expected)
                given_out = expected + 1
            case "paid" | "change":
                chain = RECEIVE if name == "paid" else CHANGE
                known = here.place(lock(index, chain)) is not None
                here.discover([lock(index, chain), BOB.lock])
                used[chain] = max(used[chain], index + 1) if known else used[chain]
                assert here.change_lock() == lock(used[CHANGE], CHANGE)
        for chain, end in (
            (RECEIVE, max(used[0] + here.gap, given_out)),
            (CHANGE, used[1] + here.gap),
        ):
            assert here.place(lock(end - 1, chain)) == Place(chain, end - 1)
        assert again(here).places == here.places
        assert again(here).records == here.records


def test_force_widens_the_gap_up_to_a_bound() -> None:
    here = book(gap=2)
    locks = [here.new_lock(force=True) for _ in range(5)]
    assert here.gap == 5
    assert [here.place(one) for one in locks] == [Place(RECEIVE, n) for n in range(5)]
    assert [root for root, _ in here.given()] == [one.root for one in locks]
    here.gap = MAX_GAP
    here.records[0] = here.records[0].__class__(b"", (MAX_GAP, 0), (0, 0))
    with pytest.raises(GapExceeded):
        here.new_lock(force=True)


def test_accounts_do_not_mix() -> None:
    here = book()
    here.add(1, SECOND)
    with pytest.raises(AccountUnknown):
        here.new_lock(2)
    other = here.new_lock(1)
    assert here.place(other) == Place(RECEIVE, 0, 1)
    here.discover([other])
    assert here.used(1) and not here.used(0)
    assert here.new_lock(1) != other
    assert here.new_lock(0) == lock(0)


def test_what_is_only_watched_is_our_own_where_nothing_else_is() -> None:
    here = AddressBook(3)
    here.add(WATCHED, FIRST.watching())
    assert here.add_single(BOB.lock.root)
    assert not here.add_single(BOB.lock.root)
    assert here.place(BOB.lock) == Place(RECEIVE, 0, SINGLES)
    assert here.own(WATCHED) and here.own(SINGLES)
    here.discover([BOB.lock, lock(0)])
    assert again(here).place(lock(3)) == Place(RECEIVE, 3, WATCHED)
    here.add(0, SECOND)
    assert here.own(0) and not here.own(WATCHED) and not here.own(SINGLES)
    assert not again(here).own(WATCHED)
