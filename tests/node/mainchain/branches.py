"""Two branches of blocks with payments and an issue in them, and what each leaves behind."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from bystack.ledger.amounts import AssetDefinition
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import path as way
from bystack.mainchain.events import Refused, Switch
from bystack.mainchain.issues import Issue
from bystack.mainchain.tree import HeaderTree
from bystack.node.mainchain.switching import Decision, Switcher
from bystack.node.store.chainstore import ChainStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import encode
from tests.ledger.people import ALICE, BOB
from tests.mainchain.builders import EASY, Chain

GOLD = AssetDefinition("GOLD", "", 2, 1, 1, b"", 0)
TRUNK, LEFT, RIGHT = 4, 3, 4


class Branches(NamedTuple):
    """Blocks of a trunk, of a branch on it and of a longer one."""

    trunk: tuple[Block, ...]
    left: tuple[Block, ...]
    right: tuple[Block, ...]

    @property
    def all(self) -> tuple[Block, ...]:
        return (*self.trunk, *self.left, *self.right)


def replayed(blocks: tuple[Block, ...]) -> Chain:
    """The model after these blocks."""
    chain = Chain(EASY)
    for block in blocks:
        chain.tree.add([block.header], None)
        chain.connect(block)
    return chain


@cache
def branches() -> Branches:
    trunk = Chain(EASY)
    grown = tuple(trunk.mine() for _ in range(TRUNK))
    left = replayed(grown)
    issue = Issue(ALICE.lock.root, GOLD, 1_000)
    one = left.mine(left.issue(ALICE, issue), extra=b"left")
    two = left.mine(left.pay(ALICE, BOB, 5_000, 20_000), extra=b"left")
    three = left.mine(left.issue(ALICE, issue), extra=b"left")
    right = replayed(grown)
    paid = right.mine(right.pay(ALICE, BOB, 70_000, 20_000), extra=b"right")
    again = right.mine(right.pay(BOB, ALICE, 3_000, 20_000), extra=b"right")
    rest = tuple(right.mine(extra=b"right") for _ in range(RIGHT - 2))
    return Branches(grown, (one, two, three), (paid, again, *rest))


class Opened:
    """A store with the headers of every branch in it, moved from block to block."""

    def __init__(self, path: Path) -> None:
        self.store = ChainStore.open(path, EASY)
        stored = self.store.load()
        self.tree: HeaderTree = stored.tree
        self.switcher = Switcher(self.store, self.tree, Verifier(1))

    async def keep(self, *blocks: Block) -> None:
        """Store headers and blocks that are new."""
        for block in blocks:
            if self.tree.entry(block.id) is None:
                delta = self.tree.add([block.header], None)
                changes = self.store.header_changes(delta.added)
                await self.store.commit({**changes, **self.store.block_changes(block)})

    def switch(self, goal: bytes) -> Switch:
        """The move from the connected tip to a block."""
        old, new = self.tree.entry(self.store.tip()), self.tree.entry(goal)
        assert old is not None and new is not None
        return Switch(*way(self.tree, old, new))

    async def move(self, goal: bytes) -> Decision:
        """Connect the chain that ends in a block."""
        decision = await self.switcher.judge(self.switch(goal), {})
        assert not isinstance(decision, Refused), decision
        await self.store.commit_switch(decision.changes, decision.delta)
        return decision

    def image(self) -> dict[bytes, bytes]:
        return {encode(place): encode(coin) for place, coin in self.store.coins.all()}


def image_after(blocks: tuple[Block, ...]) -> dict[bytes, bytes]:
    return replayed(blocks).coins.image()


def chain_to(goal: bytes) -> tuple[Block, ...]:
    """The blocks from the first on that lead to one of the branches' blocks."""
    known = branches()
    for ends in ((*known.trunk, *known.left), (*known.trunk, *known.right)):
        ids = [block.id for block in ends]
        if goal in ids:
            return ends[: ids.index(goal) + 1]
    return ()
