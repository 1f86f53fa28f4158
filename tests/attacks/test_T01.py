"""T01 (BIP 30): a transaction that stands in the chain a second time would overwrite its coins.

Invariant: every coin is created once. A coinbase names its height, so no two are alike; one that
names another height is refused; any other transaction spends a coin that its first copy has spent;
and should a coin be there all the same, `CoinExists` refuses the transaction that would replace it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bystack.ledger.coins import Coin, CoinExists, CoinMissing
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.mainchain.actions import CoinbaseHeight, CoinbaseMisplaced
from bystack.mainchain.blocks import Block
from bystack.primitives.errors import Invalid
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain, child, remine
from tests.mainchain.test_transition import recommitted


def grown() -> Chain:
    chain = Chain(EASY)
    chain.grow(5)
    return chain


def offered(chain: Chain, transactions: Sequence[Transaction]) -> Block:
    """A block with true work on the tip that holds exactly these transactions."""
    block = recommitted(child(chain.tip), *transactions)
    return Block(remine(block.header, chain.tip), block.transactions)


def refused(chain: Chain, *transactions: Transaction) -> str:
    """The rule that refuses the block; the coins stay as they are."""
    before = chain.coins.image()
    with pytest.raises(Invalid) as caught:
        chain.connect(offered(chain, transactions))
    assert chain.coins.image() == before
    return caught.value.rule


def test_one_miner_with_one_address_never_makes_a_coinbase_twice() -> None:
    chain = Chain(EASY)
    ids = [chain.mine(miner=ALICE).transactions[0].id for _ in range(20)]
    assert len(set(ids)) == 20
    forks = {child(chain.tip, miner=ALICE).transactions[0].id for _ in range(3)}
    assert len(forks) == 1 and not forks & set(ids)


def test_an_old_coinbase_in_a_new_block_is_refused() -> None:
    chain = grown()
    for block in list(chain.blocks.values()):
        assert refused(chain, block.transactions[0]) == CoinbaseHeight.__name__


def test_a_second_coinbase_in_a_block_is_refused() -> None:
    chain = grown()
    first = child(chain.tip).transactions[0]
    other = child(chain.tip, miner=BOB).transactions[0]
    for second in (first, other):
        assert refused(chain, first, second) == CoinbaseMisplaced.__name__


def test_a_payment_twice_is_refused_in_one_block_and_in_a_later_one() -> None:
    chain = grown()
    tx = chain.pay(ALICE, BOB, 5_000, 10)
    first = child(chain.tip).transactions[0]
    assert refused(chain, first, tx, tx) == CoinMissing.__name__
    chain.mine(tx)
    assert refused(chain, child(chain.tip).transactions[0], tx) == CoinMissing.__name__
    chain.mine(chain.pay(BOB, ALICE, 4_000, 10))  # its outputs are spent: still not again
    assert refused(chain, child(chain.tip).transactions[0], tx) == CoinMissing.__name__


def test_a_coin_that_is_there_is_never_replaced() -> None:
    """Whatever brought it there: the reward would silently swallow it."""
    chain = grown()
    coinbase = child(chain.tip).transactions[0]
    output = coinbase.body.outputs[0]
    chain.coins[Outpoint(coinbase.id, 0)] = Coin(output.asset, 1, output.lock, 1, 1, 1, b"")
    assert refused(chain, coinbase) == CoinExists.__name__
