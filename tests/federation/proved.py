"""Entries of a sidechain's state with proofs under final headers, as any node would make them."""

from __future__ import annotations

from collections.abc import Mapping

from bystack.primitives.multiset import EMPTY, multiset_digest
from bystack.primitives.trie import EMPTY_ROOT, prove, update
from bystack.sidechain.params import Genesis
from bystack.sidechain.proofs import StateProof
from bystack.sidechain.state import state_root
from tests.federation.peg import final, header_of

COINS = multiset_digest(EMPTY)


def proved(
    genesis: Genesis, height: int, key: bytes, state: Mapping[bytes, bytes], **fields: object
) -> StateProof:
    """What `key` has in `state` after the block at a height, or that it has nothing."""
    trie = update({}, EMPTY_ROOT, {b"always": b"there", **state})
    header = header_of(genesis, height, state_root=state_root(trie.root, COINS), **fields)
    value = (state[key],) if key in state else ()
    proof = prove(trie.added, trie.root, key)
    return StateProof(final(header), trie.root, COINS, key, value, proof)
