"""Is this spend of the vault backed by the sidechain? Backed, unknown, or not known yet.

A seq has one batch for ever, so another order under it, or a seq passed over, is unknown at once.
What the sidechain may still be about to show is not: the guard waits for a final block made after
it saw the spend, and, where the sidechain stands still, for further main-chain blocks (K18, K19).
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from bystack.federation.guarding.vault import Move
from bystack.federation.guarding.view import View
from bystack.ledger.vault_operations import Announce, Order
from bystack.sidechain.records import Batch

SKEW_MS: Final = 3_000
"""How far the validators' clocks may be ahead of the guard's, with the follower's own delay."""
PATIENCE: Final = 2
"""Main-chain blocks after which a sidechain that stands still has said all it will say."""


class Verdict(Enum):
    """How a spend stands."""

    BACKED = 0
    UNKNOWN = 1
    NOT_YET = 2


class Question(NamedTuple):
    """A spend that is to be judged: seen by the guard's clock at `seen` (milliseconds)."""

    move: Move
    seen: int


def judge(question: Question, view: View, *, stands_still: bool, height: int) -> Verdict:
    """The verdict on an order or an announcement.

    `stands_still`: the follower is connected and has had no final block for long; `height`: of the
    own main chain.
    """
    match question.move.operation:
        case Order() as order:
            if question.move.seq not in view.batches:
                return Verdict.NOT_YET  # it was not asked for: the view is older than the order
            batch = view.batches[question.move.seq]
            if batch is not None:
                return Verdict.BACKED if is_order_of(order, batch) else Verdict.UNKNOWN
            if view.next_seq > question.move.seq:
                return Verdict.UNKNOWN
        case Announce(_, terms) if terms in view.decided:
            return Verdict.BACKED
        case _:
            pass
    heard = view.time >= question.seen + SKEW_MS
    waited = stands_still and height >= question.move.height + PATIENCE
    return Verdict.UNKNOWN if heard or waited else Verdict.NOT_YET


def is_order_of(order: Order, batch: Batch) -> bool:
    """True if the order is exactly what the sidechain recorded under its seq."""
    return order.tier == batch.record.tier and order.outputs == batch.record.outputs
