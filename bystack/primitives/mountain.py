"""Merkle mountain range: a list that only grows, appended to and proved in O(log n).

The node at (level, index) covers leaves index * 2**level up to (index + 1) * 2**level; there is one
peak for each bit of the count, highest first. The root hashes the count and every peak, so it binds
the length of the list and its shape. Source: P. Todd, "Merkle Mountain Ranges" (2012); here the
peaks are bagged flat, since a proof carries them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

from msgspec import Meta

from bystack.primitives.codec import U63, Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import fixed, tagged
from bystack.primitives.merkle import ProofIndex, ProofLength, ProofMismatch, climb

_leaf = tagged("mountain/leaf")
_node = tagged("mountain/node")
_root = tagged("mountain/root")


class PeaksMalformed(Invalid):
    """The number of peaks does not fit the number of leaves."""


class Node(NamedTuple):
    """A node that storage keeps for proofs: its place and its hash."""

    level: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    hash: bytes


class Peaks(Wire):
    """All that appending needs: the number of leaves and the peaks, highest first."""

    count: U63
    hashes: Annotated[tuple[Bytes32, ...], Meta(max_length=64)]


class MountainProof(Wire):
    """Leaf `index` of `count`: siblings up to its peak, then the other peaks, highest first."""

    index: U63
    count: U63
    path: Annotated[tuple[Bytes32, ...], Meta(max_length=63)]
    peaks: Annotated[tuple[Bytes32, ...], Meta(max_length=63)]


EMPTY_PEAKS = Peaks(0, ())


def mountain_leaf(leaf: bytes) -> bytes:
    """The node of level 0 over a leaf."""
    return _leaf(leaf)


def mountain_node(left: bytes, right: bytes) -> bytes:
    """The node over two of the level below."""
    return _node(left, right)


def _check(peaks: Peaks) -> None:
    if len(peaks.hashes) != peaks.count.bit_count():
        raise PeaksMalformed(count=peaks.count, peaks=len(peaks.hashes))


def append(peaks: Peaks, leaf: bytes) -> tuple[Peaks, tuple[Node, ...]]:
    """The peaks after `leaf`, and the nodes that are new: the leaf's, then those above it.

    Raises `PeaksMalformed`.
    """
    return append_node(peaks, _leaf(leaf))


def append_node(peaks: Peaks, hash: bytes) -> tuple[Peaks, tuple[Node, ...]]:
    """As `append`, where only the hash over the leaf (`mountain_leaf`) is known."""
    _check(peaks)
    hashes, level, index = list(peaks.hashes), 0, peaks.count
    new = [Node(0, index, hash)]
    while index & 1:
        level, index = level + 1, index // 2
        new.append(Node(level, index, _node(hashes.pop(), new[-1].hash)))
    return Peaks(peaks.count + 1, (*hashes, new[-1].hash)), tuple(new)


def mountain_root(peaks: Peaks) -> bytes:
    """The 32 bytes that commit to the count and to every leaf. Raises `PeaksMalformed`."""
    _check(peaks)
    return _root(fixed(peaks.count), *peaks.hashes)


def _mountains(count: int) -> Iterator[tuple[int, int]]:
    """Level and index of each peak of a range of `count` leaves, highest first."""
    for level in reversed(range(count.bit_length())):
        if count >> level & 1:
            yield level, (count >> level) - 1


def _home(index: int, count: int) -> tuple[int, int]:
    """The level of the peak over leaf `index`, and which peak that is. Raises `ProofIndex`."""
    if not 0 <= index < count:
        raise ProofIndex(index=index, count=count)
    for which, (level, at) in enumerate(_mountains(count)):
        if index >> level == at:
            return level, which
    raise ProofIndex(index=index, count=count)


def mountain_prove(node: Callable[[int, int], bytes], count: int, index: int) -> MountainProof:
    """The proof of leaf `index` in a range of `count`; `node(level, index)` reads stored hashes.

    Raises `ProofIndex`.
    """
    level, home = _home(index, count)
    path = tuple(node(step, index >> step ^ 1) for step in range(level))
    peaks = tuple(node(*place) for at, place in enumerate(_mountains(count)) if at != home)
    return MountainProof(index, count, path, peaks)


def mountain_verify(root: bytes, leaf: bytes, proof: MountainProof) -> None:
    """Check that `leaf` is element `proof.index` of the range `root` commits to.

    The root binds `proof.count`. Raises `ProofIndex`, `ProofLength`, `ProofMismatch`.
    """
    level, home = _home(proof.index, proof.count)
    expected = (level, proof.count.bit_count() - 1)
    if (len(proof.path), len(proof.peaks)) != expected:
        raise ProofLength(expected=sum(expected), given=len(proof.path) + len(proof.peaks))
    sides = [proof.index >> step & 1 for step in range(level)]
    peak = climb(_leaf(leaf), proof.path, sides, _node)
    peaks = (*proof.peaks[:home], peak, *proof.peaks[home:])
    if _root(fixed(proof.count), *peaks) != root:
        raise ProofMismatch(root=root, index=proof.index)
