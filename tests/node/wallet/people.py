"""A wallet's own people, and branches of a main chain in which they are paid and pay."""

from __future__ import annotations

from functools import cache

from bystack.ledger.accounts import CHANGE, RECEIVE, Account, Place
from bystack.mainchain.blocks import Block
from bystack.mainchain.params import chain_id
from bystack.node.wallet.chains import MAIN, Chain
from bystack.primitives.bip32 import ExtendedKey, master
from tests.ledger.people import BOB, Person
from tests.mainchain.builders import EASY
from tests.mainchain.builders import Chain as Model
from tests.node.mainchain.branches import Branches, replayed

KEY: ExtendedKey = master(b"\x09" * 32)
HERE = Chain(MAIN, chain_id(EASY), EASY.hrp, EASY)
ACCOUNT: Account = HERE.account(KEY)
ME = Person(ACCOUNT.secret(Place(RECEIVE, 0)))
MINE = Person(ACCOUNT.secret(Place(CHANGE, 0)))


@cache
def history() -> Branches:
    """Trunk and two branches; ours are rewards, payments to and from Bob, and change."""
    trunk = Model(EASY)
    grown = tuple(trunk.mine(miner=ME) for _ in range(4))
    left = replayed(grown)
    out = left.mine(left.pay(ME, BOB, 5_000, 20_000), extra=b"left")
    back = left.mine(left.pay(BOB, MINE, 2_000, 1_000), miner=BOB, extra=b"left")
    right = replayed(grown)
    empty = right.mine(miner=BOB, extra=b"right")
    inner = right.mine(right.pay(ME, MINE, 7_000, 20_000), miner=BOB, extra=b"right")
    rest = right.mine(right.pay(ME, BOB, 9_000, 20_000), miner=BOB, extra=b"right")
    return Branches(grown, (out, back), (empty, inner, rest))


def path_to(goal: bytes) -> tuple[Block, ...]:
    """The blocks that lead to one of the history's blocks."""
    known = history()
    for ends in ((*known.trunk, *known.left), (*known.trunk, *known.right)):
        ids = [block.id for block in ends]
        if goal in ids:
            return ends[: ids.index(goal) + 1]
    return ()
