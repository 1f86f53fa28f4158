"""Authenticated map: one root for one set of entries, with proofs of presence and of absence.

A compact sparse Merkle trie over hashed keys: a subtree with one entry *is* that leaf, an empty one
is 32 zero bytes, anything else a branch. So the shape depends on the entries only, never on their
history, and no hash depends on depth. Nodes are read from a store by hash; values live with the
caller, leaves commit to their hashes. After R. Dahlberg et al., "Efficient Sparse Merkle Trees"
(2016), with the leaf shortcut of Libra's Jellyfish Merkle tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta

from bystack.primitives.codec import Bytes32, Wire
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import tagged
from bystack.primitives.merkle import ProofLength, ProofMismatch, climb

_path = tagged("trie/path")
_value = tagged("trie/value")
_leaf = tagged("trie/leaf")
_branch = tagged("trie/branch")

EMPTY_ROOT = tagged("trie/empty")()
_NOTHING = bytes(32)  # an empty subtree under a branch; never a root
_LEAF, _BRANCH = b"\x00", b"\x01"  # first byte of a stored node


class ProofKey(Invalid):
    """The leaf shown to prove a key absent is that key's own."""


class ProofPath(Invalid):
    """The leaf shown to prove a key absent does not stand where that key would."""


class NodeMissing(Misuse):
    """The node store lacks a node of the trie it was asked about."""


class Nodes(Protocol):
    """Where stored nodes are read; a dict will do."""

    def get(self, hash: bytes, /) -> bytes | None:
        """The node of that hash, or None."""


class TrieUpdate(NamedTuple):
    """A new root and what its store gains and loses (disjoint; `removed` ascending)."""

    root: bytes
    added: dict[bytes, bytes]
    removed: tuple[bytes, ...]


class Leaf(Wire):
    """An entry as the trie sees it: hashes of its key and of its value."""

    path: Bytes32
    value: Bytes32

    @property
    def hash(self) -> bytes:
        """The leaf's hash, the same at every depth."""
        return _leaf(self.path, self.value)


class TrieProof(Wire):
    """Siblings from the root downwards (zeros: empty); `other`: the leaf found in a key's place."""

    siblings: Annotated[tuple[Bytes32, ...], Meta(max_length=256)]
    other: Annotated[tuple[Leaf, ...], Meta(max_length=1)]


Pair = tuple[bytes, bytes]
Change = tuple[bytes, bytes | None]


def _side(path: bytes, depth: int) -> int:
    """Which child holds `path` at `depth`: 0 left, 1 right."""
    return path[depth >> 3] >> (7 - (depth & 7)) & 1


def _read(nodes: Nodes, hash: bytes) -> Leaf | Pair:
    data = nodes.get(hash)
    if data is None:
        raise NodeMissing(hash.hex())
    left, right = data[1:33], data[33:]
    return Leaf(left, right) if data[:1] == _LEAF else (left, right)


class _Rebuild:
    """One update under way: the old nodes read and the nodes that stand afterwards."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.read: set[bytes] = set()
        self.standing: dict[bytes, bytes] = {}

    def node(self, hash: bytes) -> Leaf | Pair:
        self.read.add(hash)
        return _read(self.nodes, hash)

    def stand(self, hash: bytes, kind: bytes, left: bytes, right: bytes) -> bytes:
        self.standing[hash] = kind + left + right
        return hash

    def change(self, hash: bytes, depth: int, changes: list[Change]) -> bytes:
        """The subtree `hash` at `depth` after `changes`."""
        if not changes:
            return hash
        node = self.node(hash) if hash != _NOTHING else None
        if isinstance(node, tuple):
            left, right = _split(changes, depth)
            return self.join(
                self.change(node[0], depth + 1, left), self.change(node[1], depth + 1, right)
            )
        entries = dict(changes)
        if node is not None:
            entries.setdefault(node.path, node.value)
        return self.build([Leaf(p, v) for p, v in entries.items() if v is not None], depth)

    def build(self, leaves: list[Leaf], depth: int) -> bytes:
        """The subtree at `depth` that holds just `leaves`."""
        if not leaves:
            return _NOTHING
        if len(leaves) == 1:
            return self.stand(leaves[0].hash, _LEAF, leaves[0].path, leaves[0].value)
        left = [leaf for leaf in leaves if not _side(leaf.path, depth)]
        right = [leaf for leaf in leaves if _side(leaf.path, depth)]
        return self.join(self.build(left, depth + 1), self.build(right, depth + 1))

    def join(self, left: bytes, right: bytes) -> bytes:
        """The subtree over two children: a branch, unless all they hold is one leaf."""
        if left == _NOTHING and (right == _NOTHING or self.is_leaf(right)):
            return right
        if right == _NOTHING and self.is_leaf(left):
            return left
        return self.stand(_branch(left, right), _BRANCH, left, right)

    def is_leaf(self, hash: bytes) -> bool:
        """Whether a standing subtree is a lone leaf; reads it if this update has not touched it."""
        if hash not in self.standing:
            match self.node(hash):
                case Leaf(path, value):
                    self.stand(hash, _LEAF, path, value)
                case (left, right):
                    self.stand(hash, _BRANCH, left, right)
        return self.standing[hash][:1] == _LEAF


def _split(changes: Sequence[Change], depth: int) -> tuple[list[Change], list[Change]]:
    left = [change for change in changes if not _side(change[0], depth)]
    return left, [change for change in changes if _side(change[0], depth)]


def update(nodes: Nodes, root: bytes, changes: Mapping[bytes, bytes | None]) -> TrieUpdate:
    """The trie after setting each key to its value, or deleting it where the value is None.

    Costs O(k log n) reads for k changes. The result does not depend on their order. Raises
    `NodeMissing`.
    """
    work = _Rebuild(nodes)
    hashed = [(_path(k), None if v is None else _value(v)) for k, v in changes.items()]
    top = work.change(_NOTHING if root == EMPTY_ROOT else root, 0, hashed)
    added = {hash: node for hash, node in work.standing.items() if hash not in work.read}
    removed = tuple(sorted(work.read - work.standing.keys()))
    return TrieUpdate(EMPTY_ROOT if top == _NOTHING else top, added, removed)


def _descend(nodes: Nodes, root: bytes, path: bytes) -> tuple[list[bytes], Leaf | None]:
    """Siblings on the way down to where `path` ends, and the leaf found there."""
    at, siblings = _NOTHING if root == EMPTY_ROOT else root, list[bytes]()
    while at != _NOTHING:
        node = _read(nodes, at)
        if isinstance(node, Leaf):
            return siblings, node
        side = _side(path, len(siblings))
        at = node[side]
        siblings.append(node[1 - side])
    return siblings, None


def value_hash(value: bytes) -> bytes:
    """What a leaf commits to in place of its value."""
    return _value(value)


def lookup(nodes: Nodes, root: bytes, key: bytes) -> bytes | None:
    """The hash of `key`'s value (see `value_hash`), or None. Raises `NodeMissing`."""
    path = _path(key)
    _, leaf = _descend(nodes, root, path)
    return leaf.value if leaf is not None and leaf.path == path else None


def prove(nodes: Nodes, root: bytes, key: bytes) -> TrieProof:
    """The proof of what `key` is under `root`: present or absent. Raises `NodeMissing`."""
    path = _path(key)
    siblings, leaf = _descend(nodes, root, path)
    other = () if leaf is None or leaf.path == path else (leaf,)
    return TrieProof(tuple(siblings), other)


def _reach(root: bytes, path: bytes, at: bytes, siblings: Sequence[bytes]) -> None:
    sides = [_side(path, depth) for depth in range(len(siblings))]
    top = climb(at, siblings[::-1], sides[::-1], _branch)
    if (EMPTY_ROOT if top == _NOTHING else top) != root:
        raise ProofMismatch(root=root, path=path)


def verify_presence(root: bytes, key: bytes, value: bytes, proof: TrieProof) -> None:
    """Check that `key` has `value` under `root`. Raises `ProofLength`, `ProofMismatch`."""
    if proof.other:
        raise ProofLength(expected=0, given=len(proof.other))
    path = _path(key)
    _reach(root, path, Leaf(path, _value(value)).hash, proof.siblings)


def verify_absence(root: bytes, key: bytes, proof: TrieProof) -> None:
    """Check that `key` has no value under `root`.

    Where the key would stand there is nothing, or another leaf. Raises `ProofKey`, `ProofPath`,
    `ProofMismatch`.
    """
    path = _path(key)
    for leaf in proof.other:
        if leaf.path == path:
            raise ProofKey(path=path)
        if any(_side(leaf.path, at) != _side(path, at) for at in range(len(proof.siblings))):
            raise ProofPath(path=path, leaf=leaf.path)
    at = proof.other[0].hash if proof.other else _NOTHING
    _reach(root, path, at, proof.siblings)
