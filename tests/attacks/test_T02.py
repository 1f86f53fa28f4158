"""T02 (CVE-2012-2459): a block's body altered so that its Merkle root stays, to have the block
condemned under its true id.

Invariants: no two lists share a root and a count, duplicated tails included; a body that is not the
header's costs whoever sent it, and the header's true body connects afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from bystack.ledger.transactions import Transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.transition import TransactionCount, TransactionRoot, check_block
from bystack.primitives.errors import Invalid
from bystack.primitives.merkle import merkle_root
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain, child
from tests.node.mainchain.network import running


def lists(elements: list[bytes]) -> Iterator[list[bytes]]:
    """What an attacker makes of a list: every tail once more, elements lost, swapped, doubled."""
    count = len(elements)
    for tail in range(1, count + 1):
        yield [*elements, *elements[-tail:]]
        yield elements[:-tail]
    for at in range(count):
        yield [*elements[:at], elements[at], *elements[at:]]
    for at in range(count - 1):
        yield [*elements[:at], elements[at + 1], elements[at], *elements[at + 2 :]]


@pytest.mark.parametrize("count", range(1, 34))
def test_no_altered_list_has_the_root(count: int) -> None:
    elements = [b"%d" % number * 8 for number in range(count)]
    root = merkle_root(elements)
    assert all(merkle_root(other) != root for other in lists(elements) if other != elements)


def paying(count: int) -> tuple[Chain, Block]:
    """A chain and the next block on it, with so many payments."""
    chain = Chain(EASY)
    chain.grow(count + 3)
    payments: list[Transaction] = []
    for number in range(count):
        (place, coin) = chain.owned(ALICE)[number]
        body = chain.pay(ALICE, BOB, 1_000 + number).body
        outputs = tuple(body.outputs[:1])
        rest = type(body)(1, (place,), outputs, (), 0, 0, b"")
        payments.append(chain.sign(rest, ALICE))
        assert coin.amount > 1_000
    return chain, child(chain.tip, payments)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_a_body_with_a_tail_twice_is_not_the_headers(count: int) -> None:
    _, block = paying(count)
    whole = block.transactions
    for tail in range(1, len(whole) + 1):
        with pytest.raises(TransactionCount):
            check_block(Block(block.header, (*whole, *whole[-tail:])))
    same_count = [*whole[:-1], whole[-2]]
    with pytest.raises(TransactionRoot):
        check_block(Block(block.header, tuple(same_count)))


def test_the_true_body_connects_after_every_altered_one(tmp_path: Path) -> None:
    chain, block = paying(3)
    whole = block.transactions

    async def main() -> None:
        async with running(tmp_path / "s") as (node,):
            await node.take(*chain.blocks.values())
            for body in ((*whole, whole[-1]), (*whole, *whole[-2:]), whole[:-1], ()):
                with pytest.raises(Invalid) as caught:
                    await node.driver.hand_in(Block(block.header, body))
                assert caught.value.rule == TransactionCount.__name__
            await node.take(block)
            assert node.tip == block.id

    trio.run(main)
