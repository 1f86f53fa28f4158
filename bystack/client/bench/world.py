"""A main chain to measure with: very many coins on disk, then blocks that spend some of them.

Every coin has a policy of its own. All blocks go through the node's own store; those to be measured
stay beside it, as the bytes that a peer would send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import trio

from bystack.client.bench.frame import Show
from bystack.client.bench.headers import PARAMS
from bystack.ledger.amounts import BTM
from bystack.ledger.coins import Coin
from bystack.ledger.policies import Key
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.signing import Signing
from bystack.ledger.transactions import (
    VERSION,
    Outpoint,
    Output,
    PolicyLock,
    Spend,
    Transaction,
    TransactionBody,
    decode_transaction,
)
from bystack.mainchain.assembly import build_block, mine
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry
from bystack.mainchain.events import Refused, Switch
from bystack.mainchain.params import chain_id, subsidy_at
from bystack.node.mainchain.switching import Switcher
from bystack.node.store.chainstore import ChainStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import encode
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.keys import public_key, sign

FEE = 500
WIDE = 9_900
"""Outputs of one transaction that makes coins."""
WIDE_TOGETHER = 4
FRAMES = "frames"

T = TypeVar("T")
_secret = tagged("bench/key")
_nobody = tagged("bench/nobody")


class Size(NamedTuple):
    """How many coins there are beforehand, and the blocks of payments on top."""

    coins: int = 300_000
    blocks: int = 16
    payments: int = 2_000

    @property
    def spent(self) -> int:
        """How many of the coins the payments spend."""
        return self.blocks * self.payments


class Owned(NamedTuple):
    """A coin of ours: where it is and the number of its key."""

    place: Outpoint
    number: int


def policy_of(number: int) -> Key:
    """The policy of the coin with this number."""
    return Key(public_key(_secret(fixed(number))))


def locks(numbers: Sequence[int]) -> list[bytes]:
    """The policy roots of these coins."""
    return [policy_root([policy_of(number)]) for number in numbers]


def pay(amount: int, coins: Sequence[Owned]) -> list[bytes]:
    """For each coin of this amount a signed payment to two others, encoded."""
    return [encode(_payment(amount, one)) for one in coins]


def _payment(amount: int, one: Owned) -> Transaction:
    half = (amount - FEE) // 2
    outputs = tuple(
        Output(BTM, value, PolicyLock(_nobody(fixed(one.number), side)))
        for value, side in ((half, b"left"), (amount - FEE - half, b"right"))
    )
    return _spend(TransactionBody(VERSION, (one.place,), outputs, (), 0, 0, b""), amount, one)


def _spend(body: TransactionBody, amount: int, one: Owned) -> Transaction:
    policy = policy_of(one.number)
    coin = Coin(BTM, amount, PolicyLock(policy_root([policy])), 1, 0, 1, b"")
    digest = Signing(chain_id(PARAMS), body, [(one.place, coin)]).digest(0, 0)
    signature = sign(_secret(fixed(one.number)), digest, bytes(32))
    return Transaction(body, (Spend(policy, prove_branch([policy], 0), 0, (signature,)),))


def split(one: Owned, amount: int, each: int, roots: Sequence[bytes]) -> Transaction:
    """A coin of ours made into coins of `each`, one for each root; the rest is fee."""
    outputs = tuple(Output(BTM, each, PolicyLock(root)) for root in roots)
    return _spend(TransactionBody(VERSION, (one.place,), outputs, (), 0, 0, b""), amount, one)


class Miner:
    """Grows the chain of one store, through the node's own switch."""

    def __init__(self, store: ChainStore) -> None:
        self.store = store
        self.tree = store.load().tree
        self.switcher = Switcher(store, self.tree, Verifier())

    async def build(self, *transactions: Transaction) -> Block:
        """A block on the best header, which itself becomes the best; not connected."""
        parent: Entry = self.tree.best()
        late = parent.header.time + PARAMS.spacing
        owner = PolicyLock(locks([0])[0])
        block = mine(build_block(parent, transactions, owner, late, PARAMS), parent)
        assert block is not None, "the easiest target is met at once"
        added = self.tree.add([block.header], None).added
        await self.store.commit(self.store.header_changes(added))
        return block

    async def grow(self, *transactions: Transaction) -> Block:
        """Build a block and connect it."""
        block = await self.build(*transactions)
        decision = await self.switcher.judge(Switch((), (block.id,)), {block.id: block})
        assert not isinstance(decision, Refused), decision
        changes = {**self.store.block_changes(block), **decision.changes}
        await self.store.commit_switch(changes, decision.delta)
        return block


def build(folder: Path, size: Size, show: Show) -> None:
    """Make the store `folder/chain` with the coins connected, `folder/frames` with the payments."""
    with (
        ProcessPoolExecutor(mp_context=get_context("spawn")) as workers,
        closing(ChainStore.open(folder / "chain", PARAMS)) as store,
    ):
        frames = trio.run(_build, Miner(store), size, show, workers)
    (folder / FRAMES).write_bytes(msgspec.msgpack.encode(frames))


async def _build(miner: Miner, size: Size, show: Show, workers: ProcessPoolExecutor) -> list[bytes]:
    show(f"making {size.coins} coins")
    each = subsidy_at(1, PARAMS) // (-(-size.coins // WIDE) * WIDE)
    roots = _spread(workers, locks, range(1, size.spent + 1))
    owned = await _coins(miner, size, each, roots)
    show(f"signing {size.spent} payments")
    payments = map(decode_transaction, _spread(workers, partial(pay, each), owned))
    frames = list[bytes]()
    while several := tuple(islice(payments, size.payments)):
        block = await miner.build(*several)
        frames.append(encode(block))
    return frames


async def _coins(miner: Miner, size: Size, each: int, owned: Sequence[bytes]) -> list[Owned]:
    """Coins connected, ours (of these roots) scattered among others; where ours are."""
    at = range(0, size.coins, size.coins // size.spent)[: size.spent]
    ours = dict(zip(at, owned, strict=True))
    roots = [ours.get(number) or _nobody(fixed(number)) for number in range(size.coins)]
    parts = [roots[start : start + WIDE] for start in range(0, size.coins, WIDE)]
    first, reward = (await miner.grow()).transactions[0], subsidy_at(1, PARAMS)
    own = locks([0]) * len(parts)
    whole = split(Owned(Outpoint(first.id, 0), 0), reward, each * WIDE, own)
    await miner.grow(whole)
    wide = [
        split(Owned(Outpoint(whole.id, part), 0), each * WIDE, each, few)
        for part, few in enumerate(parts)
    ]
    for start in range(0, len(wide), WIDE_TOGETHER):
        await miner.grow(*wide[start : start + WIDE_TOGETHER])
    places = [Outpoint(wide[number // WIDE].id, number % WIDE) for number in at]
    return [Owned(place, number) for number, place in enumerate(places, 1)]


def _spread(
    workers: ProcessPoolExecutor, work: Callable[[Sequence[T]], list[bytes]], items: Sequence[T]
) -> list[bytes]:
    """Results in order, worked out by all cores."""
    return list(chain.from_iterable(workers.map(work, _cut(items, 1_000))))


def _cut(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))
