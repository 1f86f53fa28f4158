"""A second reader of claims, burns and batches, written from docs/protocol alone.

Entries of the relay are (header, accumulated work, …), headers as the main chain's page has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.protocol.sidechain_reader import fixed, read, tagged, write

POLICY, DEPOSIT = 0, 3
WINDOW = 1_000
Entry = Sequence[Any]
EntryAt = Callable[[int], Entry | None]
"""The relayed entry of a height, None where none is kept."""


def transaction_ids(transaction: Sequence[Any]) -> tuple[bytes, bytes]:
    """Id and witness id."""
    body, witnesses = transaction
    id = tagged("transaction", write(body))
    return id, tagged("witness", id, write(witnesses))


def climbed(leaf: bytes, branch: Sequence[Any]) -> bytes:
    """The Merkle root to which a branch leads."""
    index, count, path = branch
    at, rest = tagged("merkle/leaf", leaf), list(path)
    while count > 1:
        if index ^ 1 < count:
            other = rest.pop(0)
            pair = (other, at) if index & 1 else (at, other)
            at = tagged("merkle/node", *pair)
        index, count = index // 2, (count + 1) // 2
    if rest:
        raise ValueError("too long a branch")
    return at


def buried(at: EntryAt, tip: int, height: int, depth: int) -> Entry:
    """The entry of a block that lies deep enough, by headers and by work."""
    entry = at(height)
    if tip - height < depth or entry is None:
        raise ValueError("not deep enough, or not in the window")
    last = height - 1
    kept = [h for h in range(max(0, last - WINDOW), last + 1) if at(h) is not None]
    if kept and kept[0] < last and kept[-1] == last:
        before, count = work(at, last) - work(at, kept[0]), last - kept[0]
        if (work(at, tip) - work(at, height)) * count < depth * before:
            raise ValueError("too little work on top")
    return entry


def work(at: EntryAt, height: int) -> int:
    """The accumulated work of a kept height."""
    entry = at(height)
    assert entry is not None
    return int.from_bytes(entry[1], "big")


def deposit(claim: Sequence[Any], witness_root: bytes, vault: bytes, chain: bytes) -> Sequence[Any]:
    """(asset, amount, recipient, transaction id) of a claim's deposit, once its proof holds."""
    ((proof, _), index), (_, _, branch, data) = claim, claim[0][0]
    id, witness_id = transaction_ids(read(data))
    if climbed(witness_id, branch) != witness_root or proof[3] != data:
        raise ValueError("not in the block")
    asset, amount, lock = read(data)[0][2][index]
    if lock[:2] != (DEPOSIT, vault) or lock[2][:32] != chain:
        raise ValueError("no deposit for this sidechain")
    return asset, amount, lock[2][32:], id


def fee(amount: int, points: int, unit: int) -> int:
    """The pegs' part of an amount."""
    part = amount * points // 10_000
    return part - part % unit


def minted(asset: bytes, amount: int, points: int, unit: int, recipient: bytes) -> tuple[Any, ...]:
    """The one output of a claim."""
    return asset, amount - fee(amount, points, unit), (POLICY, recipient)


def pegout_id(chain: bytes, transaction: bytes, place: int) -> bytes:
    """The id of a burn."""
    return tagged("pegout", chain, transaction, fixed(place))


def record_leaf(id: bytes, record: Sequence[Any]) -> bytes:
    """A record in the outbox."""
    return tagged("sidechain/record", id, write(record))


def order_digest(main: bytes, record: Sequence[Any]) -> bytes:
    """What the federation signs of a batch: the vault operation `order` (action kind 17)."""
    vault, seq, tier, outputs, _ = record
    order = write((17, seq, tier, outputs))
    return tagged("vault/order", main, vault, fixed(seq), order)
