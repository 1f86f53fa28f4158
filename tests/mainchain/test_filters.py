"""Filters hold every key of a block, count its transactions, and no peer can leave one out."""

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    PendingLock,
    PolicyLock,
    Transaction,
    TransactionBody,
)
from bystack.mainchain.blocks import Block
from bystack.mainchain.filters import (
    MAX_ELEMENTS,
    SPREAD,
    BlockFilter,
    FilterRange,
    MatchesIncomplete,
    MatchForeign,
    check_matches,
    filter_digest,
    filter_of,
    followed_by,
    keys_of,
    lock_key,
    open_filter,
    outpoint_key,
)
from bystack.mainchain.proofs import ProofHeader, prove_transaction
from bystack.mainchain.transition import decode_undo
from bystack.primitives.golomb import GolombPadding, GolombShort, golomb_encode
from bystack.primitives.merkle import ProofMismatch
from tests.ledger.people import ALICE, BOB, CAROL
from tests.mainchain.builders import Chain
from tests.mainchain.test_vault_blocks import Vault
from tests.wire import check_wire

VAULT = b"\x55" * 32


def paid(chain: Chain, *amounts: int) -> Block:
    """A block in which Alice pays Bob once with each amount, each time from a coin of its own."""
    made = []
    for amount, (place, coin) in zip(amounts, chain.owned(ALICE), strict=False):
        outputs = (Output(BTM, amount, BOB.lock), Output(BTM, coin.amount - amount, ALICE.lock))
        made.append(chain.sign(TransactionBody(1, (place,), outputs, (), 0, 0, b""), ALICE))
    return chain.mine(*made, miner=CAROL)


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain()
    chain.grow(8)
    return chain


@pytest.fixture(scope="module")
def block(chain: Chain) -> Block:
    return paid(chain, 5, 6, 7)


def test_a_filter_counts_the_transactions_of_each_key(block: Block) -> None:
    opened = open_filter(block.id, filter_of(block))
    watched = [ALICE.lock.root, BOB.lock.root, CAROL.lock.root, VAULT]
    assert opened.matches(watched) == {
        ALICE.lock.root: 3,
        BOB.lock.root: 3,
        CAROL.lock.root: 1,
    }
    assert opened.times(VAULT) == 0


def test_every_coin_spent_and_made_is_in_its_blocks_filter() -> None:
    """Also a vault's anchor and deposits."""
    vault = Vault()
    vault.deposit(1_000)
    chain, seen = vault.chain, 0
    for id, undo in chain.undo.items():
        block = chain.blocks[id]
        opened = open_filter(id, filter_of(block))
        changed = decode_undo(undo)
        for change in (*changed.created, *changed.spent):
            key = lock_key(change.coin.lock)
            assert key is None or opened.times(key) or opened.times(outpoint_key(change.outpoint))
            seen += key is not None
    assert seen > 10


def test_an_empty_filter_and_one_of_another_block_match_nothing(block: Block) -> None:
    assert open_filter(block.id, BlockFilter(0, b"")).matches([ALICE.lock.root]) == {}
    other = open_filter(b"\x01" * 32, filter_of(block))
    assert other.matches([ALICE.lock.root, BOB.lock.root]) == {}


def test_digests_differ_where_filters_or_blocks_do(block: Block) -> None:
    filter = filter_of(block)
    assert filter_digest(block.id, filter) != filter_digest(b"\x01" * 32, filter)
    assert filter_digest(block.id, filter) != filter_digest(block.id, BlockFilter(0, b""))


def test_hostile_filters_are_refused(block: Block) -> None:
    filter = filter_of(block)
    with pytest.raises(GolombShort):
        open_filter(block.id, BlockFilter(filter.count + 1, filter.data))
    with pytest.raises(GolombPadding):
        open_filter(block.id, BlockFilter(0, filter.data))
    with pytest.raises(FilterRange):
        open_filter(block.id, BlockFilter(1, golomb_encode([SPREAD], 19)))
    with pytest.raises(GolombShort):
        open_filter(block.id, BlockFilter(MAX_ELEMENTS, b"\xff" * 1_000))


def test_filter_on_the_wire() -> None:
    check_wire("mainchain_block_filter", BlockFilter(2, b"\x0a\x0b"))


WANTED = {BOB.lock.root: 3}


def test_matches_are_taken_when_all_are_there(block: Block) -> None:
    proofs = [prove_transaction(block, index) for index in (1, 2, 3)]
    assert check_matches(block.header, WANTED, proofs) == block.transactions[1:]


def test_a_match_left_out_is_missed(block: Block) -> None:
    proofs = [prove_transaction(block, index) for index in (1, 3)]
    with pytest.raises(MatchesIncomplete):
        check_matches(block.header, WANTED, proofs)
    with pytest.raises(MatchesIncomplete):
        check_matches(block.header, {BOB.lock.root: 4}, [*proofs])


def test_foreign_doubled_and_disordered_matches_are_refused(chain: Chain, block: Block) -> None:
    proofs = [prove_transaction(block, index) for index in range(4)]
    with pytest.raises(MatchForeign):
        check_matches(block.header, WANTED, proofs)  # the coinbase pays Carol only
    with pytest.raises(MatchForeign):
        check_matches(block.header, WANTED, [proofs[1], proofs[1], proofs[2]])
    with pytest.raises(MatchForeign):
        check_matches(block.header, WANTED, [proofs[2], proofs[1], proofs[3]])
    before = chain.blocks[block.header.previous].header
    with pytest.raises(ProofHeader):
        check_matches(before, WANTED, proofs[1:])
    lied = msgspec.structs.replace(proofs[1], transaction=proofs[2].transaction)
    with pytest.raises(ProofMismatch):
        check_matches(block.header, WANTED, [lied, *proofs[2:]])


def test_the_coins_of_a_vault_that_wait_are_watched_by_place() -> None:
    waits = PendingLock(VAULT, b"\x01" * 32, b"\x02" * 32, 5)
    outputs = (
        Output(BTM, 5, BOB.lock),
        Output(BTM, 5, waits),
        Output(BTM, 5, DepositLock(VAULT, bytes(64))),
    )
    tx = Transaction(TransactionBody(1, (), outputs, (), 0, 0, b""), ())
    assert followed_by(tx, {VAULT}) == {outpoint_key(Outpoint(tx.id, 1))}
    assert followed_by(tx, {BOB.lock.root}) == frozenset()
    assert keys_of(tx) == {BOB.lock.root, VAULT}
    assert lock_key(PolicyLock(VAULT)) == VAULT
