"""Compact blocks: what waits here fills them; a wrong fill is blamed on whose fault it is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.messages import CompactBlock
from bystack.mainchain.sync import compact as rules
from bystack.mainchain.sync.compact import (
    CompactCount,
    Filling,
    NotTheTransactions,
    ShortCollision,
    check_compact,
    compact,
    key_of,
    match,
    short_id,
)
from bystack.mainchain.transition import TransactionRoot
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import Chain
from tests.mainchain.test_transition import recommitted

SALT = b"\x05" * 8


def several(count: int) -> Block:
    """A block of independent payments, not connected (nothing here asks for that)."""
    chain = Chain()
    chain.grow(4)
    one = chain.pay(ALICE, BOB, 500)
    body = one.body
    txs = tuple(
        Transaction(msgspec.structs.replace(body, memo=bytes([number])), one.witnesses)
        for number in range(count)
    )
    block = chain.mine()
    return recommitted(block, block.transactions[0], *txs)


BLOCK = several(6)
SHORT = compact(BLOCK, SALT)
TXS = BLOCK.transactions


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(1, 6)))
def test_what_waits_here_and_what_is_sent_make_the_block(here: set[int]) -> None:
    found = match(SHORT, [TXS[at] for at in sorted(here)])
    assert found == {at: TXS[at] for at in here}
    filling = Filling(b"A", SHORT, 0, found)
    assert filling.lacking() == tuple(sorted(set(range(1, 7)) - here))
    assert filling.whole([TXS[at] for at in filling.lacking()]) == BLOCK


def test_short_ids_depend_on_block_and_salt() -> None:
    other = compact(BLOCK, bytes(8))
    assert not set(other.short) & set(SHORT.short)
    header = msgspec.structs.replace(BLOCK.header, nonce=b"12345678")
    assert not set(compact(Block(header, TXS), SALT).short) & set(SHORT.short)
    assert SHORT.short[0] == short_id(key_of(SHORT), TXS[1].witness_id)


def test_the_count_is_the_headers() -> None:
    check_compact(SHORT)
    for short in (SHORT.short[1:], (*SHORT.short, bytes(8))):
        with pytest.raises(CompactCount):
            check_compact(CompactBlock(SHORT.header, SALT, SHORT.coinbase, short))


def test_a_short_id_that_stands_twice_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = CompactBlock(SHORT.header, SALT, TXS[0], (SHORT.short[0], *SHORT.short[:5]))
    assert set(match(twice, TXS[1:])) == {3, 4, 5, 6}
    monkeypatch.setattr(rules, "short_id", lambda key, witness_id: SHORT.short[0])
    assert match(SHORT, TXS[1:3]) == {}  # two of ours collide


def test_a_sender_that_gives_other_transactions_lies() -> None:
    filling = Filling(b"A", SHORT, 0, {1: TXS[1], 2: TXS[2]})
    lacking = [TXS[at] for at in filling.lacking()]
    for gift in (lacking[1:], [*lacking, TXS[1]], lacking[::-1], [TXS[1], *lacking[1:]]):
        with pytest.raises(NotTheTransactions):
            filling.whole(gift)


def test_a_transaction_of_ours_in_a_wrong_place_is_nobodys_fault() -> None:
    filling = Filling(b"A", SHORT, 0, {1: TXS[2]})
    with pytest.raises(ShortCollision):
        filling.whole([TXS[at] for at in range(2, 7)])


def test_a_sender_that_gave_everything_is_to_blame_for_the_roots() -> None:
    forged = compact(Block(BLOCK.header, (TXS[0], *reversed(TXS[1:]))), SALT)
    filling = Filling(b"A", forged, 0, {})
    with pytest.raises(TransactionRoot):
        filling.whole(TXS[:0:-1])
