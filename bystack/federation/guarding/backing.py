"""Does the vault hold what the sidechain owes? The reserves law as a guard can check it at once.

At the main chain's tip: holdings, with what was paid out and the sidechain has not accounted for
yet, and what it declares lost, are at least circulating + pool + owed. A shortfall is an unbacked
mint: unknown spends have their own alarm and count as paid here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from bystack.federation.guarding.vault import Move
from bystack.federation.guarding.view import View
from bystack.ledger.vault_operations import Complete
from bystack.sidechain.records import BatchState

FINISHED = (BatchState.SETTLED, BatchState.VOIDED)


def accounted(move: Move, view: View) -> bool:
    """True once the sidechain's sums contain this payment.

    An order is, when the mirror has passed its seq; a completion, when its batch is settled. One
    that belongs to no batch is never taken for accounted: the check is the weaker for it.
    """
    if not isinstance(move.operation, Complete):
        return view.mirrored > move.seq
    batch = view.batches.get(move.seq)
    return batch is not None and batch.state in FINISHED


def shortfall(
    holdings: Mapping[bytes, int], payments: Collection[Move], view: View
) -> dict[bytes, int]:
    """Per asset what is missing; empty when all is backed."""
    flying: Counter[bytes] = Counter()
    for move in payments:
        for asset, amount in move.paid:
            flying[asset] += amount
    missing = {
        asset: sums.circulating + sums.pool + sums.owed
        - holdings.get(asset, 0) - flying[asset] - sums.deficit
        for asset, sums in view.sums.items()
    }  # fmt: skip
    return {asset: lack for asset, lack in missing.items() if lack > 0}
