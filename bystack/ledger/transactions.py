"""What a transaction is, and the locks an output may carry.

The id covers the body only, so no witness can change it; blocks commit to ids and to witnesses.
A witness stands for each input, then for each action, in order.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from msgspec import Meta

from bystack.ledger.policies import Policy
from bystack.primitives.codec import U8, U16, U32, U63, Bytes32, Wire, array_header, decode, encode
from bystack.primitives.hashes import tagged_one
from bystack.primitives.merkle import MerkleProof

VERSION = 1
MAX_TRANSACTION = 2_000_000
MAX_DEPOSITING = 900_000
"""Of one that pays into a vault: with its proof it must fit an action, or nobody could claim it."""
MAX_INPUTS = 10_000
MAX_OUTPUTS = 10_000
MAX_ACTIONS = 16
MAX_ACTION_BODY = 1_000_000

_transaction_id = tagged_one("transaction")
_witness_id = tagged_one("witness")
_TWO = array_header(2)

Amount = U63


class Outpoint(Wire, gc=False):
    """The `index`-th output of the transaction with id `transaction`."""

    transaction: Bytes32
    index: U32


class PolicyLock(Wire, tag=0, gc=False):
    """Spendable by revealing one branch of the policies under `root` and satisfying it."""

    root: Bytes32


class RetireLock(Wire, tag=1):
    """Never spendable: the amount is destroyed; `data` says why."""

    data: Annotated[bytes, Meta(max_length=256)]


class VaultLock(Wire, tag=2):
    """The anchor of a vault: BTM, amount 0; its state lies beside the coin."""

    vault: Bytes32


class DepositLock(Wire, tag=3, gc=False):
    """Paid into a vault by anybody; the chain does not interpret `note`."""

    vault: Bytes32
    note: Annotated[bytes, Meta(min_length=64, max_length=64)]


class TreasuryLock(Wire, tag=4):
    """A vault's own coin."""

    vault: Bytes32


class PendingLock(Wire, tag=5):
    """Set aside by a delayed order: completed after `delay` blocks, vetoed by the guard before."""

    vault: Bytes32
    guard: Bytes32
    outputs: Bytes32
    delay: U63


class RecordLock(Wire, tag=6):
    """A record the chain keeps among its coins (an asset's registration); in no transaction."""

    body: Annotated[bytes, Meta(max_length=4096)]


Lock = PolicyLock | RetireLock | VaultLock | DepositLock | TreasuryLock | PendingLock | RecordLock


class Output(Wire, gc=False):
    """`amount` of `asset` under `lock`."""

    asset: Bytes32
    amount: Amount
    lock: Lock


class Action(Wire):
    """Something a chain does beside moving coins; the chain decodes `body` by `kind`."""

    kind: U16
    body: Annotated[bytes, Meta(max_length=MAX_ACTION_BODY)]


class TransactionBody(Wire, gc=False):
    """What the id commits to. `valid_from` and `valid_until` are heights; 0 means unbounded."""

    version: U16
    inputs: Annotated[tuple[Outpoint, ...], Meta(max_length=MAX_INPUTS)]
    outputs: Annotated[tuple[Output, ...], Meta(max_length=MAX_OUTPUTS)]
    actions: Annotated[tuple[Action, ...], Meta(max_length=MAX_ACTIONS)]
    valid_from: U63
    valid_until: U63
    memo: Annotated[bytes, Meta(max_length=256)]


Items = Annotated[tuple[Annotated[bytes, Meta(max_length=96)], ...], Meta(max_length=64)]


class NoWitness(Wire, tag=0, gc=False):
    """For an input that an operation authorises, or an action that needs no signature."""


class Spend(Wire, tag=1, gc=False):
    """Reveals one branch of a policy lock and satisfies it.

    `items` holds one entry per leaf of the policy, depth first; empty where not provided.
    """

    policy: Policy
    branch: MerkleProof
    mode: U8
    items: Items


class Approval(Wire, tag=2):
    """Authorises an action: what the coin's state commits to, and the items of each policy."""

    revealed: Annotated[bytes, Meta(max_length=20_000)]
    signatures: Annotated[tuple[Items, ...], Meta(max_length=32)]


Witness = NoWitness | Spend | Approval


class Transaction(Wire, dict=True):
    """A body and its witnesses: one per input, then one per action."""

    body: TransactionBody
    witnesses: Annotated[tuple[Witness, ...], Meta(max_length=MAX_INPUTS + MAX_ACTIONS)]

    def encoded(self) -> bytes:
        """The encoding, body and witnesses apart: id, witness id and size come with it."""
        body, witnesses, known = encode(self.body), encode(self.witnesses), self.__dict__
        known["id"] = id = _transaction_id(body)
        known["witness_id"] = _witness_id(id + witnesses)
        data = b"".join((_TWO, body, witnesses))
        known["size"] = len(data)
        return data

    @cached_property
    def id(self) -> bytes:
        """Tagged hash of the body's encoding."""
        return _transaction_id(encode(self.body))

    @cached_property
    def witness_id(self) -> bytes:
        """Tagged hash of id and witnesses: what the witness root commits to."""
        return _witness_id(self.id + encode(self.witnesses))

    @cached_property
    def size(self) -> int:
        """Length of the encoding in bytes."""
        return len(encode(self))


def transaction_id(body: TransactionBody) -> bytes:
    """The id a transaction with this body has, before it is signed."""
    return _transaction_id(encode(body))


def decode_transaction(data: bytes) -> Transaction:
    """A transaction from its bytes; raises `TooLong`, `Malformed`, `NotCanonical`."""
    return decode(Transaction, data, MAX_TRANSACTION)
