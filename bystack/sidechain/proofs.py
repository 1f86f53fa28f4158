"""That a key of a sidechain's state has a value, or none, under a final header: proved offline.

A header commits to the trie's root and the coin set's digest together, so the proof names both.
Nodes keep the trie of their last final block only: they prove under that header.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.primitives.trie import TrieProof, verify_absence, verify_presence
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.light import FinalHeader
from bystack.sidechain.state import MAX_VALUE, state_root

MAX_KEY = 1_024
MAX_STATE_PROOF = MAX_VALUE + 700_000
MAX_ENTRIES = 2_000
MAX_STATE_PROOFS = 64_000_000


class StateRootWrong(Invalid):
    """The roots that a proof names do not make the header's state root."""


class StateProof(Wire):
    """What `key` has after the block of a final header; no `value`: it has none.

    `system_root`, `coin_digest`: what the header's state root is the hash of.
    """

    final: FinalHeader
    system_root: Bytes32
    coin_digest: Bytes32
    key: Annotated[bytes, Meta(max_length=MAX_KEY)]
    value: Annotated[tuple[Annotated[bytes, Meta(max_length=MAX_VALUE)], ...], Meta(max_length=1)]
    proof: TrieProof

    @property
    def header(self) -> Header:
        """The header it is proved under; whether that is final is for a light client to say."""
        return self.final.header


def check_state_proof(proof: StateProof) -> None:
    """Check that `key` has `value` (or none) under the header; not whether that header is final.

    Raises `StateRootWrong` and what `trie.verify_presence` and `trie.verify_absence` raise.
    """
    root = state_root(proof.system_root, proof.coin_digest)
    if root != proof.header.state_root:
        raise StateRootWrong(given=root, header=proof.header.state_root)
    for value in proof.value:
        return verify_presence(proof.system_root, proof.key, value, proof.proof)
    return verify_absence(proof.system_root, proof.key, proof.proof)


class ProvedEntry(Wire):
    """What one of several keys has; no `value`: it has none."""

    key: Annotated[bytes, Meta(max_length=MAX_KEY)]
    value: Annotated[tuple[Annotated[bytes, Meta(max_length=MAX_VALUE)], ...], Meta(max_length=1)]
    proof: TrieProof


class StateProofs(Wire):
    """What several keys have after the block of one final header; as `StateProof`."""

    final: FinalHeader
    system_root: Bytes32
    coin_digest: Bytes32
    entries: Annotated[tuple[ProvedEntry, ...], Meta(max_length=MAX_ENTRIES)]


def check_state_proofs(proofs: StateProofs) -> dict[bytes, bytes | None]:
    """The entries by key, each proved; whether the header is final is the caller's to check.

    Raises as `check_state_proof`.
    """
    roots = (proofs.system_root, proofs.coin_digest)
    for one in proofs.entries:
        check_state_proof(StateProof(proofs.final, *roots, one.key, one.value, one.proof))
    return {one.key: one.value[0] if one.value else None for one in proofs.entries}
