"""Block filters: whether a block concerns one who watches certain keys, without the block.

A filter holds, for each key that occurs in a block, one element per transaction it occurs in: so
it tells *how many* transactions to ask for, and one that a peer leaves out is missed. It follows
from the block's own bytes (the lock of a coin spent is revealed by its witness), so whoever holds
the block can say which of two filters is false. Golomb-coded sets as in BIP 158 (P = 19,
M = 784931), under tagged hashes keyed by the block's id.

Keys are 32 bytes: a policy root; a vault's id, for every lock of that vault; `outpoint_key` of a
coin that is spent without a witness (a vault's, by an operation).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from bystack.ledger.transactions import (
    DepositLock,
    Lock,
    Outpoint,
    PendingLock,
    PolicyLock,
    Spend,
    Transaction,
    TreasuryLock,
    VaultLock,
)
from bystack.mainchain.blocks import Block, Header
from bystack.mainchain.proofs import TransactionProof, check_transaction_proof
from bystack.primitives.codec import Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.golomb import golomb_decode, golomb_encode
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.merkle import climb

BITS: Final = 19
SPREAD: Final = 784_931
"""One key in so many is found in a filter that does not hold it."""
MAX_ELEMENTS: Final = 120_000
"""A block of 4 MB has no room for more keys: an input takes 40 bytes, an output 73."""
MAX_FILTER: Final = MAX_ELEMENTS * 22 // 8

_leaf = tagged("merkle/leaf")
_node = tagged("merkle/node")
_outpoint = tagged("mainchain/filter/outpoint")
_element = tagged("mainchain/filter/element")
_digest = tagged("mainchain/filter")


class FilterRange(Invalid):
    """An element of the filter is beyond the range its number of elements allows."""


class FilterFalse(Invalid):
    """The filter is not that of the block."""


class MatchForeign(Invalid):
    """A transaction holds none of the keys asked for, or stands twice or out of order."""


class MatchesIncomplete(Invalid):
    """Fewer or more transactions hold a key than the block's filter counts."""


class BlockFilter(Wire, dict=True):
    """The coded elements of one block, and how many they are."""

    count: Annotated[int, Meta(ge=0, le=MAX_ELEMENTS)]
    data: Annotated[bytes, Meta(max_length=MAX_FILTER)]


def lock_key(lock: Lock) -> bytes | None:
    """What a lock is watched by; None for one that holds nothing to watch."""
    match lock:
        case PolicyLock(root):
            return root
        case VaultLock(vault) | DepositLock(vault) | TreasuryLock(vault) | PendingLock(vault):
            return vault
        case _:
            return None


def outpoint_key(place: Outpoint) -> bytes:
    """What a coin is watched by that an operation spends without a witness."""
    return _outpoint(encode(place))


def revealed_root(spend: Spend) -> bytes:
    """The policy root a witness opens: in a valid block, that of the coin spent."""
    path = spend.branch.path
    sides = [spend.branch.index >> step & 1 for step in range(len(path))]
    return climb(_leaf(encode(spend.policy)), path, sides, _node)


def keys_of(tx: Transaction) -> frozenset[bytes]:
    """Every key that occurs in a transaction."""
    keys = {lock_key(output.lock) for output in tx.body.outputs}
    for place, witness in zip(tx.body.inputs, tx.witnesses, strict=False):
        spent = revealed_root(witness) if isinstance(witness, Spend) else outpoint_key(place)
        keys.add(spent)
    return frozenset(key for key in keys if key is not None)


def followed_by(tx: Transaction, watched: Iterable[bytes]) -> frozenset[bytes]:
    """The keys to watch from now on by one who watches a vault: its coins that wait to be paid.

    Completing a payout spends such a coin and names no vault.
    """
    return frozenset(
        outpoint_key(Outpoint(tx.id, index))
        for index, output in enumerate(tx.body.outputs)
        if isinstance(output.lock, PendingLock) and output.lock.vault in watched
    )


def filter_of(block: Block) -> BlockFilter:
    """The one filter of a block."""
    found = Counter(key for tx in block.transactions for key in keys_of(tx))
    size = sum(found.values())
    elements = sorted(
        _place(block.id, key, number, size)
        for key, times in found.items()
        for number in range(times)
    )
    return BlockFilter(size, golomb_encode(elements, BITS))


def filter_digest(block: bytes, filter: BlockFilter) -> bytes:
    """What two peers' filters of the block with this id are compared by."""
    return _digest(block, encode(filter))


def _place(block: bytes, key: bytes, number: int, size: int) -> int:
    hashed = int.from_bytes(_element(block, key, fixed(number, 4))[:8], "big")
    return hashed * size * SPREAD >> 64


@dataclass(frozen=True)
class Opened:
    """A filter ready to be asked about keys."""

    block: bytes
    size: int
    elements: frozenset[int]

    def times(self, key: bytes) -> int:
        """In how many of the block's transactions a key occurs."""
        number = 0
        while number < self.size and self._holds(key, number):
            number += 1
        return number

    def matches(self, keys: Iterable[bytes]) -> Mapping[bytes, int]:
        """The keys that occur, each with its number of transactions."""
        if not self.size:
            return {}
        return {key: self.times(key) for key in keys if self._holds(key, 0)}

    def _holds(self, key: bytes, number: int) -> bool:
        return _place(self.block, key, number, self.size) in self.elements


def open_filter(block: bytes, filter: BlockFilter) -> Opened:
    """Decode a block's filter. Raises `FilterRange`, `GolombShort`, `GolombPadding`."""
    values = golomb_decode(filter.data, filter.count, BITS)
    if values and values[-1] >= filter.count * SPREAD:
        raise FilterRange(element=values[-1], elements=filter.count)
    return Opened(block, filter.count, frozenset(values))


def check_matches(
    header: Header, wanted: Mapping[bytes, int], proofs: Sequence[TransactionProof]
) -> tuple[Transaction, ...]:
    """The transactions of a block that hold the wanted keys, once shown to be all of them.

    `wanted` is what the block's filter says. Raises `MatchForeign`, `MatchesIncomplete`, and the
    errors of `check_transaction_proof`.
    """
    found = Counter[bytes]()
    transactions: list[Transaction] = []
    last = -1
    for proof in proofs:
        tx = check_transaction_proof(header, proof)
        held = keys_of(tx) & wanted.keys()
        if not held or proof.branch.index <= last:
            raise MatchForeign(block=header.id, transaction=tx.id)
        last = proof.branch.index
        found.update(held)
        transactions.append(tx)
    for key, times in wanted.items():
        if found[key] != times:
            raise MatchesIncomplete(key=key, expected=times, given=found[key])
    return tuple(transactions)
