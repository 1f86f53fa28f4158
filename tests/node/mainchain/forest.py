"""Three branches of blocks in which coins are paid, issued and locked, and stores to compare."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bystack.ledger.amounts import BTM
from bystack.ledger.transactions import DepositLock, Output, Transaction, TransactionBody
from bystack.mainchain.blocks import Block
from bystack.mainchain.issues import Issue
from bystack.node.store.chainstore import LINE, open_raw
from tests.ledger.people import BOB
from tests.mainchain.builders import EASY
from tests.mainchain.builders import Chain as Model
from tests.node.mainchain.branches import GOLD, replayed
from tests.node.wallet.people import ME

VAULT = b"\x07" * 32
OF_BRANCHES = b"ebiof"
"""Kinds of keys that rightly depend on which branches were seen, and in which order."""


class Forest(NamedTuple):
    """A trunk, and branches each of which ends in more work than those before it."""

    trunk: tuple[Block, ...]
    branches: tuple[tuple[Block, ...], ...]
    best: tuple[Block, ...]
    """The line from the first block to the end of the last branch."""


def pay(chain: Model, which: int, amount: int) -> Transaction:
    """From one of our coins to Bob, and a deposit beside it; change to us."""
    place, coin = chain.owned(ME)[which]
    outputs = (
        Output(BTM, amount, BOB.lock),
        Output(BTM, amount, DepositLock(VAULT, bytes(64))),
        Output(BTM, coin.amount - 2 * amount - 20_000, ME.lock),
    )
    return chain.sign(TransactionBody(1, (place,), outputs, (), 0, 0, b""), ME)


@cache
def forest() -> Forest:
    trunk = Model(EASY)
    grown = tuple(trunk.mine(miner=ME) for _ in range(6))
    left = replayed(grown)
    issue = Issue(ME.lock.root, GOLD, 1_000)
    one = (
        left.mine(left.issue(ME, issue, spends=3), miner=ME, extra=b"left"),
        left.mine(pay(left, 0, 5_000), miner=BOB, extra=b"left"),
        left.mine(miner=BOB, extra=b"left"),
    )
    middle = replayed(grown)
    two = (
        middle.mine(pay(middle, 1, 6_000), miner=ME, extra=b"middle"),
        middle.mine(miner=BOB, extra=b"middle"),
        middle.mine(pay(middle, 1, 7_000), miner=BOB, extra=b"middle"),
        middle.mine(miner=ME, extra=b"middle"),
    )
    right = replayed((*grown, *two[:2]))
    three = (
        right.mine(right.issue(ME, issue, spends=3), miner=BOB, extra=b"right"),
        right.mine(pay(right, 0, 8_000), miner=ME, extra=b"right"),
        *(right.mine(miner=BOB, extra=b"right") for _ in range(2)),
    )
    return Forest(grown, (one, two, three), (*grown, *two[:2], *three))


def derived(folder: Path) -> dict[bytes, bytes]:
    """All that a stopped chain's store holds but for what depends on the branches seen."""
    with open_raw(folder, EASY) as store:
        whole = dict(store.iterate())
    height = max(int.from_bytes(key[1:], "big") for key in whole if key[:1] == LINE)
    return {
        key: value
        for key, value in whole.items()
        if key[:1] not in {bytes([kind]) for kind in OF_BRANCHES} and not _above(key, height)
    }


def _above(key: bytes, height: int) -> bool:
    """Whether a history node covers more than the connected headers: left by another branch."""
    if key[:1] != b"m":
        return False
    level, index = key[1], int.from_bytes(key[2:], "big")
    return (index + 1) << level > height + 1


def merged(order: Sequence[int]) -> list[Block]:
    """The branches' blocks in an order of branches, no block before its parent."""
    known = forest()
    left = [list(branch) for branch in known.branches]
    seen = {block.id for block in known.trunk}
    found: list[Block] = []
    waiting = list(order)
    while waiting:
        at = next(i for i, b in enumerate(waiting) if left[b][0].header.previous in seen)
        block = left[waiting.pop(at)].pop(0)
        seen.add(block.id)
        found.append(block)
    return found
