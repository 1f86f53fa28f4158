"""Building history: which nodes of the mountain range to keep, and proofs made from them.

Leaf i of a header's mountain range is the header at height i of its own branch. Storage keeps the
nodes by place; connecting a branch writes every node above the fork anew, so the places below a
header always hold its own branch.
"""

from __future__ import annotations

from collections.abc import Callable

from bystack.mainchain.blocks import Header
from bystack.mainchain.chain import Entry, history_leaf
from bystack.mainchain.proofs import HistoryProof
from bystack.primitives.mountain import Node, append, mountain_prove


def history_nodes(entry: Entry) -> tuple[Node, ...]:
    """The nodes to store when this header joins the best chain: those its leaf completes."""
    return append(entry.peaks, history_leaf(entry.id, entry.work))[1]


def prove_history(node: Callable[[int, int], bytes], newer: Header, old: Entry) -> HistoryProof:
    """The proof that `old` is an ancestor of `newer`; `node(level, index)` reads stored hashes.

    Raises `ProofIndex` when `old` is not below `newer`.
    """
    path = mountain_prove(node, newer.height, old.header.height)
    return HistoryProof(old.header, old.work, path)
