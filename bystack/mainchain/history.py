"""History: any old header, and the work up to it, proved against a newer header in O(log n).

Leaf i of a header's mountain range is the header at height i of its own branch. Storage keeps the
nodes by place; connecting a branch writes every node above the fork anew, so the places below a
header always hold its own branch.
"""

from __future__ import annotations

from collections.abc import Callable

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry, history_leaf
from bystack.primitives.codec import Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.primitives.mountain import MountainProof, Node, append, mountain_prove, mountain_verify

MAX_HISTORY_PROOF = 8_000


class HistoryCount(Invalid):
    """The proof is not about the number of headers before the newer one."""


class HistoryIndex(Invalid):
    """The proof's place is not the old header's height."""


class HistoryProof(Wire):
    """That `header`, with accumulated `work`, is an ancestor of a newer header."""

    header: Header
    work: Bytes32
    path: MountainProof


def history_nodes(entry: Entry) -> tuple[Node, ...]:
    """The nodes to store when this header joins the best chain: those its leaf completes."""
    return append(entry.peaks, history_leaf(entry.id, entry.work))[1]


def prove_history(node: Callable[[int, int], bytes], newer: Header, old: Entry) -> HistoryProof:
    """The proof that `old` is an ancestor of `newer`; `node(level, index)` reads stored hashes.

    Raises `ProofIndex` when `old` is not below `newer`.
    """
    path = mountain_prove(node, newer.height, old.header.height)
    return HistoryProof(old.header, old.work, path)


def verify_history_proof(newer: Header, proof: HistoryProof) -> Header:
    """The old header, once it is shown to be an ancestor of `newer`, a header already trusted.

    Raises `HistoryCount`, `HistoryIndex`, or the `Proof…` errors of `primitives.merkle`.
    """
    if proof.path.count != newer.height:
        raise HistoryCount(expected=newer.height, given=proof.path.count)
    if proof.path.index != proof.header.height:
        raise HistoryIndex(expected=proof.header.height, given=proof.path.index)
    leaf = history_leaf(proof.header.id, proof.work)
    mountain_verify(newer.history_root, leaf, proof.path)
    return proof.header
