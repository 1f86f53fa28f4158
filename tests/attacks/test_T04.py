"""T04 (CVE-2010-5139): amounts whose sum wraps around, so that little becomes much.

Bound: no sum of amounts of one asset exceeds 2**63 - 1, not of a transaction's inputs, of its
outputs, of a block's fees or of a reward; at that very bound all still holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from bystack.ledger.amounts import BTM, AmountOverflow
from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, Output, Transaction, TransactionBody
from bystack.mainchain.actions import RewardExceeded
from bystack.mainchain.params import subsidy_at
from bystack.primitives.codec import MAX_INT, Malformed, decode, encode
from tests.attacks.test_T01 import grown, offered, refused
from tests.ledger.people import ALICE, BOB, outpoint
from tests.mainchain.builders import EASY, Chain, child

WORD = 2**64


def endowed(*amounts: int) -> tuple[Chain, list[Outpoint]]:
    """A chain in which Alice has coins of these amounts, wherever they came from."""
    chain = grown()
    coin, places = chain.owned(ALICE)[0][1], [outpoint(7, at) for at in range(len(amounts))]
    for place, amount in zip(places, amounts, strict=True):
        chain.coins[place] = Coin(BTM, amount, ALICE.lock, coin.height, 0, 1, b"")
    return chain, places


def paid(chain: Chain, inputs: Sequence[Outpoint], *amounts: int) -> Transaction:
    outputs = tuple(Output(BTM, amount, BOB.lock) for amount in amounts)
    return chain.sign(TransactionBody(1, tuple(inputs), outputs, (), 0, 0, b""), ALICE)


def coinbase(chain: Chain, *amounts: int) -> Transaction:
    tx = child(chain.tip).transactions[0]
    outputs = tuple(Output(BTM, amount, BOB.lock) for amount in amounts)
    return replace(tx, body=replace(tx.body, outputs=outputs))


def test_outputs_that_wrap_to_what_was_spent() -> None:
    chain, places = endowed(10)
    amounts = (MAX_INT, MAX_INT, 12)
    assert sum(amounts) % WORD == 10
    tx = paid(chain, places, *amounts)
    assert refused(chain, coinbase(chain, 1), tx) == AmountOverflow.__name__


def test_inputs_that_wrap() -> None:
    chain, places = endowed(MAX_INT, MAX_INT, 12)
    tx = paid(chain, places, 10)
    assert refused(chain, coinbase(chain, 1), tx) == AmountOverflow.__name__
    chain, places = endowed(MAX_INT, 1)
    tx = paid(chain, places, MAX_INT)
    assert refused(chain, coinbase(chain, 1), tx) == AmountOverflow.__name__


def test_fees_of_a_block_that_wrap() -> None:
    chain, places = endowed(MAX_INT, MAX_INT)
    txs = [paid(chain, [place], 1) for place in places]
    assert refused(chain, coinbase(chain, 1), *txs) == AmountOverflow.__name__


def test_a_reward_that_wraps() -> None:
    chain, places = endowed(MAX_INT)
    tx = paid(chain, places, 1)  # the fee alone is an amount, with the subsidy it is none
    assert refused(chain, coinbase(chain, 1), tx) == AmountOverflow.__name__
    chain = grown()
    reward = subsidy_at(chain.tip.header.height + 1, EASY)
    wrapped = (MAX_INT, MAX_INT, reward + 2)
    assert sum(wrapped) % WORD == reward
    for amounts in (wrapped, (reward, 1), (reward + 1,)):
        assert refused(chain, coinbase(chain, *amounts)) == RewardExceeded.__name__


@pytest.mark.parametrize("inputs", [(MAX_INT,), (MAX_INT - 5, 5)])
@pytest.mark.parametrize("outputs", [(MAX_INT,), (1, MAX_INT - 1)])
def test_at_the_bound_all_is_well(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    chain, places = endowed(*inputs)
    block = offered(chain, [coinbase(chain, 1), paid(chain, places, *outputs)])
    chain.tree.add([block.header], None)
    chain.connect(block)
    held = [coin.amount for _, coin in chain.owned(BOB) if coin.amount > 1 or 1 in outputs]
    assert sum(outputs) == MAX_INT and set(outputs) <= set(held)


@pytest.mark.parametrize("amount", [MAX_INT + 1, WORD - 1])
def test_no_amount_above_the_bound_is_read(amount: int) -> None:
    data = encode(Output(BTM, MAX_INT, BOB.lock))
    word = MAX_INT.to_bytes(8, "big")
    assert data.count(word) == 1
    with pytest.raises(Malformed):
        decode(Output, data.replace(word, amount.to_bytes(8, "big")), 1_000)
