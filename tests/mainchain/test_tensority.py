"""Tensority gives the published digests, and its single-precision products are exact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bystack.mainchain import tensority
from bystack.mainchain.tensority import KEPT_SEEDS, SIDE, Tensority, digest, matrices, wrap
from bystack.primitives.errors import Misuse

FILE = Path(__file__).parent.parent / "vectors" / "tensority" / "tensority.json"
VECTORS = [
    tuple(bytes.fromhex(vector[name]) for name in ("hash", "seed", "result"))
    for vector in json.loads(FILE.read_text())["vectors"]
]


@pytest.mark.parametrize(("header_hash", "seed", "result"), VECTORS, ids=range(len(VECTORS)))
def test_published_vectors(header_hash: bytes, seed: bytes, result: bytes) -> None:
    assert digest(header_hash, seed) == result
    assert Tensority().digest(header_hash, seed) == result


def test_the_four_vectors_are_there() -> None:
    assert len(VECTORS) == 4 and len({seed for _, seed, _ in VECTORS}) == 4


def test_matrices_are_kept_for_so_many_seeds_and_cannot_be_changed() -> None:
    for _, seed, _ in VECTORS:
        kept = matrices(seed)
    assert kept is matrices(VECTORS[-1][1])
    assert matrices.cache_info().currsize == KEPT_SEEDS == matrices.cache_info().maxsize
    assert kept.shape == (256, SIDE, SIDE) and kept.nbytes == 16 * 1024 * 1024
    with pytest.raises(ValueError):
        kept[0, 0, 0] = 1


def test_products_of_the_largest_operands_are_exact_in_single_precision() -> None:
    """The bound of the file's docstring, met: 256 times 2**14 is below 2**24."""
    extremes = np.array([-128, 127], np.int8)
    generator = np.random.default_rng(1)
    pairs = [
        (np.full((SIDE, SIDE), one, np.int8), np.full((SIDE, SIDE), other, np.int8))
        for one in extremes
        for other in extremes
    ]
    pairs.append(
        (generator.choice(extremes, (SIDE, SIDE)), generator.choice(extremes, (SIDE, SIDE)))
    )
    for one, other in pairs:
        single = one.astype(np.float32) @ other.T.astype(np.float32)
        exact = one.astype(np.int64) @ other.T.astype(np.int64)
        assert np.array_equal(single.astype(np.int64), exact)
        assert abs(exact).max() <= SIDE * 2**14 < 2**24


def test_single_precision_holds_no_more_than_the_bound_needs() -> None:
    """Were operands twice as large, a sum could need a bit that is not there: the test can fail."""
    assert np.float32(2**24) + np.float32(1) == np.float32(2**24)
    assert np.float32(SIDE * 2**14) + np.float32(1) == SIDE * 2**14 + 1


def test_wrapping_adds_the_two_low_bytes_and_overflows() -> None:
    sums = np.array([[0, 1, -1, 255, 256, 127 * 127 * 256, -128 * 127 * 256, 2**22]], "<i4")
    told = [((value & 0xFF) + ((value >> 8) & 0xFF)) & 0xFF for value in sums[0].tolist()]
    assert wrap(sums).view(np.uint8)[0].tolist() == told


@pytest.mark.parametrize(
    ("id", "seed"), [(b"", bytes(32)), (bytes(32), b""), (bytes(31), bytes(33))]
)
def test_other_lengths_are_a_misuse(id: bytes, seed: bytes) -> None:
    with pytest.raises(Misuse):
        digest(id, seed)


def test_without_numpy_the_engine_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tensority, "import_module", missing)
    tensority._numpy.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'bystack\[tensority\]'"):
        Tensority()
