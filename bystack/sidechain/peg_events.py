"""What the pegs did in a block, typed: a module sees it at the block's end and may count by it.

Every node derives the same events in the same order from the block's transactions, so a module's
rules may depend on them (`BlockContext.pegs`). They live for one block; what must last a module
writes down.
"""

from __future__ import annotations

from typing import NamedTuple


class HeadersRelayed(NamedTuple):
    """The relay's chain grew: its new tip, how many headers joined and how many left.

    `carrier`: the policy root that the memo of the transaction names, if any.
    """

    tip: bytes
    height: int
    joined: int
    left: int
    carrier: bytes = b""


class DepositMinted(NamedTuple):
    """A deposit was claimed: its amount, and the fee of that which went into the pool."""

    asset: bytes
    amount: int
    fee: int


class DepositDonated(NamedTuple):
    """A donation was counted against a deficit."""

    asset: bytes
    amount: int


class PegoutAsked(NamedTuple):
    """A burn was queued: what was burned, what will be paid out, and of the rest the flat fee."""

    id: bytes
    asset: bytes
    burned: int
    payout: int
    flat: int


class ReturnAsked(NamedTuple):
    """A deposit nobody can claim was queued to be paid back."""

    id: bytes
    asset: bytes
    amount: int


class PegoutRefunded(NamedTuple):
    """A waiting peg-out was given back on the sidechain."""

    id: bytes
    asset: bytes
    amount: int


class BatchFormed(NamedTuple):
    """A batch was recorded: how many requests wait for its seq."""

    seq: int
    tier: int
    requests: int


class AnchorProved(NamedTuple):
    """A spend of the vault's anchor was proved: its seq, the operation's name in small letters.

    `known`: an order that is the batch of its seq. `sponsor`: the policy root its memo names, if
    any.
    """

    seq: int
    operation: str
    known: bool
    sponsor: bytes = b""


class BatchPaid(NamedTuple):
    """A batch's order, or a delayed one's completion, is proved: its requests are settled."""

    seq: int


class BatchBack(NamedTuple):
    """A batch's requests returned to the queue: its seq was spent otherwise, or (`vetoed`) a guard
    sent the payout back."""

    seq: int
    vetoed: bool


class PegsStopped(NamedTuple):
    """A stop was set that was not in force: its number (`stops.Stop`)."""

    reason: int


PegEvent = (
    HeadersRelayed
    | DepositMinted
    | DepositDonated
    | PegoutAsked
    | ReturnAsked
    | PegoutRefunded
    | BatchFormed
    | AnchorProved
    | BatchPaid
    | BatchBack
    | PegsStopped
)
