"""What a block may ask of those who verify it, beyond its bytes and its signatures.

Relays, claims and proofs pay no fee and cost more than their bytes show: a claim about as much as
two transfers, a branch of headers as much as a thousand of them (every header's work is judged),
evidence several pairings. Unbounded, six million bytes of claims would hold all validators up for
longer than a round lasts. What does not fit waits for the next block.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bystack.ledger.transactions import Transaction
from bystack.primitives.errors import Invalid
from bystack.sidechain.actions import (
    ANCHOR,
    CLAIM,
    DETACHED,
    DONATE,
    EVIDENCE,
    PENDING,
    RELAY,
    REPROVE,
    STRAY,
)

COSTS: Final[Mapping[int, int]] = MappingProxyType(
    {
        **dict.fromkeys((CLAIM, DONATE, REPROVE, ANCHOR, PENDING, STRAY), 1),
        EVIDENCE: 50,
        **dict.fromkeys((RELAY, DETACHED), 1_000),
    }
)
"""By kind of action, in claims."""

MAX_BURDEN: Final = 3_000
"""Of one block: two branches of headers and a thousand claims, or three thousand claims."""


class TooManyProofs(Invalid):
    """The block's proofs together cost more to verify than a block may."""


def burden(tx: Transaction) -> int:
    """What a transaction's proofs cost, in claims."""
    return sum(COSTS.get(action.kind, 0) for action in tx.body.actions)
