"""What a block may ask of those who verify it, beyond its bytes and its signatures.

Relays, claims and proofs pay no fee and cost more than their bytes show: a claim about as much as
two transfers, a branch of headers as much as a thousand of them (every header's work is judged),
evidence several pairings. What modules do pays a fee an action (`fees`) and writes a dozen entries:
an order of the exchange, in 64 bytes, costs as much as a claim. Unbounded, six million bytes of
either would hold all validators up for longer than a round lasts. What does not fit waits for the
next block.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bystack.ledger.transactions import Transaction
from bystack.primitives.errors import Invalid
from bystack.sidechain.action_kinds import (
    ANCHOR,
    BURN,
    CLAIM,
    DETACHED,
    DONATE,
    EVIDENCE,
    MODULE_KINDS,
    PENDING,
    RELAY,
    REPROVE,
    STRAY,
)

COSTS: Final[Mapping[int, int]] = MappingProxyType(
    {
        **dict.fromkeys((CLAIM, DONATE, REPROVE, ANCHOR, PENDING, BURN, STRAY), 1),
        EVIDENCE: 50,
        **dict.fromkeys((RELAY, DETACHED), 1_000),
    }
)
"""By kind of action, in claims."""

MODULES: Final = 1
"""Of any module's action; what one of them may do at most is its module's to bound."""

MAX_BURDEN: Final = 3_000
"""Of one block: two branches of headers and a thousand claims, or three thousand orders."""


class TooManyProofs(Invalid):
    """The block's proofs and modules' actions together cost more to verify than a block may."""


def burden(tx: Transaction) -> int:
    """What a transaction's actions cost, in claims; an unknown one is refused when it is tried."""
    return sum(_cost(action.kind) for action in tx.body.actions)


def _cost(kind: int) -> int:
    return MODULES if kind >= MODULE_KINDS else COSTS.get(kind, 0)
