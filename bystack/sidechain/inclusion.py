"""Is this main-chain transaction buried deep enough? Decided from relayed headers alone.

Depth counts twice: at least K headers on top, and their work at least K times the mean of the
headers before. Otherwise one header stamped far ahead would make the rest nearly free (R01).
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from bystack.ledger.transactions import Transaction
from bystack.ledger.validation import check_transaction
from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry
from bystack.mainchain.proofs import (
    HistoryProof,
    TransactionProof,
    check_transaction_proof,
    verify_history_proof,
)
from bystack.primitives.codec import Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.relay import RelayView

MEAN_OVER = 1000


class NotDeepEnough(Invalid):
    """Fewer headers than K lie on top of the block."""


class WorkTooLow(Invalid):
    """The headers on top carry less than K times the mean work of those before."""


class HistoryMissing(Invalid):
    """The block is older than the relayed window and no history proof is given."""


class Inclusion(Wire):
    """A main-chain transaction and why it is in its block.

    `history` proves the block's header when it is older than the relayed window.
    """

    proof: TransactionProof
    history: Annotated[tuple[HistoryProof, ...], Meta(max_length=1)]


class Included(NamedTuple):
    """A transaction proved to be in the block with this header, deep enough."""

    transaction: Transaction
    header: Header


def verify_included(view: RelayView, inclusion: Inclusion, depth: int) -> Included:
    """The transaction, its block's header; raises why the proof does not hold."""
    header = _buried(view, inclusion, depth)
    transaction = check_transaction_proof(header, inclusion.proof)
    # Headers alone do not show that a block is valid: what its bytes show is judged here (P21).
    check_transaction(transaction)
    return Included(transaction, header)


def _buried(view: RelayView, inclusion: Inclusion, depth: int) -> Header:
    tip, height = view.best(), inclusion.proof.height
    if tip.header.height - height < depth:
        raise NotDeepEnough(height=height, tip=tip.header.height, needed=depth)
    if view.holds(height):
        entry = view.at(height)
        _check_work(view, entry, tip, depth)
        return entry.header
    if not inclusion.history:
        raise HistoryMissing(height=height)
    below = view.at(tip.header.height - depth)
    _check_work(view, below, tip, depth)
    return verify_history_proof(below.header, inclusion.history[0], height)


def _check_work(view: RelayView, entry: Entry, tip: Entry, depth: int) -> None:
    """work(on top) ≥ K × mean work of the up to 1000 headers before, in integers."""
    on_top = _work(tip) - _work(entry)
    before, count = _before(view, entry)
    if on_top * count < depth * before:
        raise WorkTooLow(height=entry.header.height, work=on_top, depth=depth)


def _before(view: RelayView, entry: Entry) -> tuple[int, int]:
    """Work and number of the relayed headers before this one, at most 1000."""
    last = entry.header.height - 1
    if not view.holds(last):
        return 0, 1
    first = _first(view, last)
    if first == last:
        return 0, 1
    return _work(view.at(last)) - _work(view.at(first)), last - first


def _first(view: RelayView, last: int) -> int:
    """The lowest height kept, at most 1000 below `last`, which is kept.

    What is kept is one run of heights, so it is found by halving: a block may hold thousands of
    proofs, and each would look at a thousand headers.
    """
    low, high = max(0, last - MEAN_OVER), last
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if view.holds(middle) else (middle + 1, high)
    return low


def _work(entry: Entry) -> int:
    return int.from_bytes(entry.work, "big")
