"""Binary Merkle tree over a list: its root, and short proofs that one element stands in it.

Leaves and nodes are hashed under different tags, so a node is never taken for a leaf. An odd node
is carried up, never duplicated: duplication lets two lists share a root (CVE-2012-2459). The root
alone does not bind the number of leaves, so whoever commits to a root commits to the count beside
it and hands that count to `merkle_verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

from msgspec import Meta

from bystack.primitives.codec import U32, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import absorbed, tagged, tagged_one

_leaf = merkle_leaf = tagged_one("merkle/leaf")
"""The hash of a leaf, which is the root of the list of that one element."""
_node = tagged("merkle/node")
_begin_leaf = absorbed("merkle/leaf")
_begin_node = absorbed("merkle/node")
EMPTY_ROOT = tagged("merkle/empty")()


class ProofCount(Invalid):
    """The proof speaks of a list of another length."""


class ProofIndex(Invalid):
    """The proof's index is not inside the list."""


class ProofLength(Invalid):
    """The proof has too many or too few hashes."""


class ProofMismatch(Invalid):
    """The proof does not lead to the committed root."""


class MerkleProof(Wire, gc=False):
    """Element `index` of a list of `count`: its siblings from the leaf upwards."""

    index: U32
    count: U32
    path: Annotated[tuple[Bytes32, ...], Meta(max_length=32)]


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The 32-byte root of a list of byte strings; a constant of its own for the empty list."""
    if not leaves:
        return EMPTY_ROOT
    level = _leaves(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


# A block has thousands of leaves, so these two loops hash without a call between.


def _leaves(elements: Sequence[bytes]) -> list[bytes]:
    hashes = []
    for element in elements:
        state = _begin_leaf()
        state.update(element)
        hashes.append(state.digest())
    return hashes


def _parents(level: list[bytes]) -> list[bytes]:
    parents = []
    for left, right in zip(level[::2], level[1::2], strict=False):
        state = _begin_node()
        state.update(left + right)
        parents.append(state.digest())
    return parents + level[-1:] if len(level) % 2 else parents


def merkle_prove(leaves: Sequence[bytes], index: int) -> MerkleProof:
    """The proof that `leaves[index]` stands at `index`. Raises `ProofIndex`."""
    return merkle_proofs(leaves, (index,))[0]


def merkle_proofs(leaves: Sequence[bytes], indexes: Sequence[int]) -> tuple[MerkleProof, ...]:
    """As `merkle_prove`, for several elements at the price of hashing the list once."""
    count = len(leaves)
    for index in indexes:
        if not 0 <= index < count:
            raise ProofIndex(index=index, count=count)
    levels = [_leaves(leaves)] if indexes else []
    while levels and len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    return tuple(MerkleProof(index, count, _siblings(levels, index)) for index in indexes)


def _siblings(levels: Sequence[list[bytes]], at: int) -> tuple[bytes, ...]:
    path: list[bytes] = []
    for level in levels[:-1]:
        path += level[at ^ 1 : (at ^ 1) + 1]  # nothing where the node is carried up
        at //= 2
    return tuple(path)


def _sides(index: int, count: int) -> Iterator[int]:
    """For each sibling on the way up: 1 where it stands to the left, 0 to the right."""
    while count > 1:
        if index ^ 1 < count:
            yield index & 1
        index, count = index // 2, (count + 1) // 2


def merkle_verify(root: bytes, count: int, leaf: bytes, proof: MerkleProof) -> None:
    """Check that `leaf` is in the list of `count` elements that `root` commits to.

    `root` and `count` come from the commitment, `leaf` is the element itself, not its hash. Raises
    `ProofCount`, `ProofIndex`, `ProofLength`, `ProofMismatch`.
    """
    if proof.count != count:
        raise ProofCount(expected=count, given=proof.count)
    if not 0 <= proof.index < count:
        raise ProofIndex(index=proof.index, count=count)
    sides = list(_sides(proof.index, count))
    if len(proof.path) != len(sides):
        raise ProofLength(expected=len(sides), given=len(proof.path))
    if climb(_leaf(leaf), proof.path, sides, _node) != root:
        raise ProofMismatch(root=root, index=proof.index)


def climb(
    at: bytes, path: Sequence[bytes], sides: Sequence[int], node: Callable[..., bytes]
) -> bytes:
    """The root reached from `at`: each sibling stands left of us where its side is 1."""
    for sibling, left in zip(path, sides, strict=True):
        at = node(sibling, at) if left else node(at, sibling)
    return at
