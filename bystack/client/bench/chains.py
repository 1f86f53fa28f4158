"""A long chain of small blocks for regtest nodes, and how fast one process connects it.

    python -m bystack.client.bench.chains FRAMES STORE

connects the blocks in the file FRAMES into a new store and prints one line of JSON. Each payment
spends the coin that the payment `COINS` before it made, so any number of them needs few coins.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
import trio

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
)
from bystack.mainchain.assembly import build_block, mine
from bystack.mainchain.blocks import Block, decode_block
from bystack.mainchain.chain import genesis_entry
from bystack.mainchain.events import Refused, Switch
from bystack.mainchain.params import REGTEST, chain_id, subsidy_at
from bystack.mainchain.switching import BATCH, BATCH_BYTES
from bystack.mainchain.tree import HeaderTree
from bystack.node.mainchain.switching import Switcher
from bystack.node.store.chainstore import ChainStore
from bystack.node.verifying.verifier import Verifier
from bystack.primitives.codec import encode
from bystack.primitives.keys import public_key, sign

FRAMES = "frames"
COINS = 5_000
FEE = 300
SECRET = bytes(31) + b"\x07"
POLICY = Key(public_key(SECRET))
LOCK = PolicyLock(policy_root([POLICY]))
CHAIN = chain_id(REGTEST)


class Connected(msgspec.Struct):
    """What connecting the blocks took."""

    seconds: float
    blocks: int
    transactions: int


class Payer:
    """Pays from its oldest coin to itself and to itself again, in two parts."""

    def __init__(self) -> None:
        self._coins: deque[tuple[Outpoint, int]] = deque()

    def own(self, place: Outpoint, amount: int) -> None:
        """A coin of ours."""
        self._coins.append((place, amount))

    def split(self, parts: int) -> Transaction:
        """Our oldest coin made into so many."""
        place, amount = self._coins.popleft()
        tx = _spend(place, amount, (amount - FEE) // parts, parts)
        for index, output in enumerate(tx.body.outputs):
            self.own(Outpoint(tx.id, index), output.amount)
        return tx

    def pay(self) -> Transaction:
        """A payment; the larger part is spent again in time."""
        place, amount = self._coins.popleft()
        left = amount - FEE - 1
        outputs = (Output(BTM, left, LOCK), Output(BTM, 1, LOCK))
        tx = _signed(TransactionBody(VERSION, (place,), outputs, (), 0, 0, b""), place, amount)
        self.own(Outpoint(tx.id, 0), left)
        return tx


def _spend(place: Outpoint, amount: int, each: int, parts: int) -> Transaction:
    outputs = (Output(BTM, each, LOCK),) * parts
    return _signed(TransactionBody(VERSION, (place,), outputs, (), 0, 0, b""), place, amount)


def _signed(body: TransactionBody, place: Outpoint, amount: int) -> Transaction:
    coin = Coin(BTM, amount, LOCK, 1, 0, 1, b"")
    digest = Signing(CHAIN, body, [(place, coin)]).digest(0, 0)
    spend = Spend(POLICY, prove_branch([POLICY], 0), 0, (sign(SECRET, digest, bytes(32)),))
    return Transaction(body, (spend,))


def build(folder: Path, count: int, payments: int) -> None:
    """Write blocks to `folder/frames`: some empty ones, then `count` of payments."""
    tree, payer = HeaderTree([genesis_entry(REGTEST)], REGTEST), Payer()
    frames = [_block(tree, [])]
    first = decode_block(frames[0]).transactions[0]
    payer.own(Outpoint(first.id, 0), subsidy_at(1, REGTEST))
    frames += [_block(tree, []) for _ in range(REGTEST.maturity)]
    frames.append(_block(tree, [payer.split(COINS)]))
    frames += [_block(tree, [payer.pay() for _ in range(payments)]) for _ in range(count)]
    (folder / FRAMES).write_bytes(msgspec.msgpack.encode(frames))


def _block(tree: HeaderTree, transactions: Sequence[Transaction]) -> bytes:
    parent = tree.best()
    made = build_block(parent, transactions, LOCK, parent.header.time + 1, REGTEST)
    block = mine(made, parent)
    assert block is not None, "the easiest target is met at once"
    tree.add([block.header], None)
    return encode(block)


async def connect(frames: Sequence[bytes], store: ChainStore) -> Connected:
    """Decode, judge and commit blocks, in switches as large as a node makes them."""
    tree = store.load().tree
    switcher = Switcher(store, tree, Verifier())
    begun, count, queue = time.perf_counter(), 0, deque(frames)
    while queue:
        blocks, size = list[Block](), 0
        while queue and len(blocks) < BATCH and size < BATCH_BYTES:
            size += len(queue[0])
            blocks.append(decode_block(queue.popleft()))
        kept = store.header_changes(tree.add([block.header for block in blocks], None).added)
        fresh = {block.id: block for block in blocks}
        decision = await switcher.judge(Switch((), tuple(fresh)), fresh)
        assert not isinstance(decision, Refused), decision
        for block in blocks:
            kept |= store.block_changes(block)
        await store.commit_switch({**kept, **decision.changes}, decision.delta)
        count += sum(len(block.transactions) for block in blocks)
    return Connected(time.perf_counter() - begun, len(frames), count)


def main(frames: str, path: str) -> None:
    """Run, and print what it took."""
    store = ChainStore.open(path, REGTEST)
    try:
        blocks: list[bytes] = msgspec.msgpack.decode(Path(frames).read_bytes())
        print(msgspec.json.encode(trio.run(connect, blocks, store)).decode())
    finally:
        store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
