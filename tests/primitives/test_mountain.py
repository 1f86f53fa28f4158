import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bystack.primitives.codec import MAX_INT
from bystack.primitives.merkle import ProofIndex, ProofLength, ProofMismatch
from bystack.primitives.mountain import (
    EMPTY_PEAKS,
    MountainProof,
    Node,
    Peaks,
    PeaksMalformed,
    append,
    mountain_prove,
    mountain_root,
    mountain_verify,
)
from tests.wire import check_wire


class Range:
    """A range as storage keeps it."""

    def __init__(self, count: int = 0) -> None:
        self.peaks, self.nodes = EMPTY_PEAKS, dict[tuple[int, int], bytes]()
        for at in range(count):
            self.append(b"leaf %d" % at)

    def append(self, leaf: bytes) -> tuple[Node, ...]:
        self.peaks, new = append(self.peaks, leaf)
        for level, index, hash in new:
            assert (level, index) not in self.nodes
            self.nodes[level, index] = hash
        return new

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def prove(self, index: int) -> MountainProof:
        return mountain_prove(self.node, self.peaks.count, index)


def test_every_leaf_of_every_range_is_proved() -> None:
    mountains = Range()
    for count in range(1, 40):
        mountains.append(b"leaf %d" % (count - 1))
        root = mountain_root(mountains.peaks)
        for index in range(count):
            mountain_verify(root, b"leaf %d" % index, mountains.prove(index))


def test_new_nodes_are_the_leaf_and_what_it_completes() -> None:
    mountains = Range(7)
    assert [(level, index) for level, index, _ in mountains.append(b"eighth")] == [
        (0, 7),
        (1, 3),
        (2, 1),
        (3, 0),
    ]
    assert len(mountains.nodes) == 15
    assert [(level, index) for level, index, _ in mountains.append(b"ninth")] == [(0, 8)]


def test_the_root_binds_the_count() -> None:
    roots = {mountain_root(Range(count).peaks) for count in range(20)}
    assert len(roots) == 20
    # The same peaks under another count of as many bits are another range.
    peaks = Range(3).peaks
    assert mountain_root(peaks) != mountain_root(Peaks(5, peaks.hashes))


@settings(max_examples=50)
@given(st.integers(1, 70), st.data())
def test_a_proof_proves_nothing_else(count: int, data: st.DataObject) -> None:
    mountains = Range(count)
    root = mountain_root(mountains.peaks)
    index = data.draw(st.integers(0, count - 1))
    proof, leaf = mountains.prove(index), b"leaf %d" % index
    with pytest.raises(ProofMismatch):
        mountain_verify(root, b"other", proof)
    for claimed in set(range(count)) - {index}:
        with pytest.raises((ProofMismatch, ProofLength)):
            mountain_verify(root, leaf, msgspec.structs.replace(proof, index=claimed))
    for claimed in set(range(index + 1, 2 * count)) - {count}:
        with pytest.raises((ProofMismatch, ProofLength)):
            mountain_verify(root, leaf, msgspec.structs.replace(proof, count=claimed))
    for part in ("path", "peaks"):
        hashes = getattr(proof, part)
        for at in range(len(hashes)):
            wrong = (*hashes[:at], bytes(32), *hashes[at + 1 :])
            with pytest.raises(ProofMismatch):
                mountain_verify(root, leaf, msgspec.structs.replace(proof, **{part: wrong}))


def test_the_number_of_hashes_is_exact() -> None:
    mountains = Range(7)
    root, proof = mountain_root(mountains.peaks), mountains.prove(1)
    for path, peaks in [
        (proof.path[:-1], proof.peaks),
        ((*proof.path, bytes(32)), proof.peaks),
        (proof.path, proof.peaks[:-1]),
        (proof.path, (*proof.peaks, bytes(32))),
        ((*proof.path, proof.peaks[0]), proof.peaks[1:]),
    ]:
        with pytest.raises(ProofLength):
            mountain_verify(root, b"leaf 1", MountainProof(1, 7, path, peaks))


@pytest.mark.parametrize(("index", "count"), [(0, 0), (5, 5), (6, 5), (MAX_INT, 5)])
def test_an_index_outside_the_range_is_refused(index: int, count: int) -> None:
    with pytest.raises(ProofIndex):
        mountain_prove(lambda level, at: bytes(32), count, index)
    with pytest.raises(ProofIndex):
        mountain_verify(bytes(32), b"leaf", MountainProof(index, count, (), ()))


def test_the_largest_count_terminates() -> None:
    proof = MountainProof(0, MAX_INT, (bytes(32),) * 62, (bytes(32),) * 62)
    with pytest.raises(ProofMismatch):
        mountain_verify(bytes(32), b"leaf", proof)


@pytest.mark.parametrize("peaks", [Peaks(0, (bytes(32),)), Peaks(3, (bytes(32),)), Peaks(1, ())])
def test_peaks_fit_their_count(peaks: Peaks) -> None:
    with pytest.raises(PeaksMalformed):
        append(peaks, b"leaf")
    with pytest.raises(PeaksMalformed):
        mountain_root(peaks)


def test_wire_forms() -> None:
    mountains = Range(5)
    check_wire("mountain_peaks", mountains.peaks)
    check_wire("mountain_proof", mountains.prove(2))
