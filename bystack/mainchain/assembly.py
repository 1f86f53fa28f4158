"""A block made to be mined: coinbase, roots, the target and history its parent prescribes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bystack.ledger.amounts import BTM
from bystack.ledger.coins import CoinView, Overlay
from bystack.ledger.transactions import (
    VERSION,
    NoWitness,
    Output,
    PolicyLock,
    RetireLock,
    Transaction,
    TransactionBody,
)
from bystack.mainchain.actions import coinbase_action
from bystack.mainchain.blocks import VERSION as BLOCK_VERSION
from bystack.mainchain.blocks import Block, Header, transaction_root, witness_root
from bystack.mainchain.chain import Entry, median_time, next_peaks, next_target
from bystack.mainchain.params import Params, subsidy_at
from bystack.mainchain.transition import apply_main
from bystack.mainchain.work import SHA256D, Engine, search
from bystack.primitives.codec import MAX_INT
from bystack.primitives.mountain import mountain_root

# What to leave free of the weight limit when choosing transactions: the coinbase at its longest.
COINBASE_WEIGHT = 1_000


def build_block(
    parent: Entry,
    transactions: Sequence[Transaction],
    coinbase_lock: PolicyLock | RetireLock,
    time: int,
    params: Params,
    *,
    fees: int = 0,
    extra: bytes = b"",
) -> Block:
    """The unmined block after `parent` with these transactions, parents before children.

    `fees` is what they pay in 10**-8 BTM (`block_fees`); `time` in seconds, raised to the least
    that is allowed; `extra` is up to 100 bytes in the coinbase.
    """
    height = parent.header.height + 1
    reward = subsidy_at(height, params) + fees
    contents = (build_coinbase(height, reward, coinbase_lock, extra), *transactions)
    header = Header(
        version=BLOCK_VERSION,
        height=height,
        previous=parent.id,
        transaction_root=transaction_root(contents),
        witness_root=witness_root(contents),
        transaction_count=len(contents),
        history_root=mountain_root(next_peaks(parent)),
        time=max(time, median_time(parent) + 1),
        target=next_target(parent, params),
        nonce=bytes(8),
    )
    return Block(header, contents)


def build_coinbase(
    height: int, reward: int, lock: PolicyLock | RetireLock, extra: bytes = b""
) -> Transaction:
    """The transaction that creates `reward` (no output when there is none)."""
    outputs = (Output(BTM, reward, lock),) if reward else ()
    actions = (coinbase_action(height, extra),)
    return Transaction(TransactionBody(VERSION, (), outputs, actions, 0, 0, b""), (NoWitness(),))


def block_fees(
    coins: CoinView, transactions: Sequence[Transaction], height: int, params: Params
) -> int:
    """What transactions, in this order, pay in a block at `height`; raises what is wrong."""
    overlay, fees = Overlay(coins), 0
    for tx in transactions:
        applied = apply_main(overlay, tx, height, params)
        overlay.apply(applied.delta)
        fees += applied.fees.get(BTM, 0)
    return fees


def with_nonce(block: Block, nonce: bytes) -> Block:
    """The block with its proof of work, 8 bytes."""
    return Block(msgspec.structs.replace(block.header, nonce=nonce), block.transactions)


def mine(
    block: Block, parent: Entry, engine: Engine = SHA256D, most: int = MAX_INT
) -> Block | None:
    """The block with the first nonce that meets its target, or None after `most` attempts."""
    nonce = search(block.header, 0, most, parent.seed, engine)
    return None if nonce is None else with_nonce(block, nonce)
