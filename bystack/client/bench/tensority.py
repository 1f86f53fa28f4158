"""Tensority on one core: digests with the seed at hand, and setting a seed up.

The floor is the 256 matrix products of a digest and nothing more, in single precision.
"""

from __future__ import annotations

import os
import time
from importlib import import_module

from bystack.client.bench.frame import Measured, Show
from bystack.mainchain import romix
from bystack.mainchain.tensority import SIDE, digest, matrices
from bystack.node.engines import ONE_THREAD

PRODUCTS = 256


def measure(show: Show, *, count: int = 20, seeds: int = 3) -> Measured:
    """Digests a second of `count`, the best set-up of `seeds` seeds."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    how = "with a compiled ROMix" if romix.COMPILED else "the slow way: install pycryptodome"
    show(f"setting seeds up {how}")
    setup = min(_set_up(number.to_bytes(32, "big")) for number in range(seeds))
    show("digesting")
    seed, begun = (seeds - 1).to_bytes(32, "big"), time.perf_counter()
    for number in range(count):
        digest(number.to_bytes(32, "big"), seed)
    rate = count / (time.perf_counter() - begun)
    products = 1 / min(_products() for _ in range(3))
    return Measured(
        {"digests_per_second": rate, "seed_set_up_seconds": setup},
        {"products_alone_per_second": products},
        {"digests_to_products": rate / products},
    )


def _set_up(seed: bytes) -> float:
    matrices.cache_clear()
    begun = time.perf_counter()
    matrices(seed)
    return time.perf_counter() - begun


def _products() -> float:
    """Seconds of as many products as a digest has."""
    np = import_module("numpy")
    one = np.random.default_rng(1).integers(-128, 128, (SIDE, SIDE)).astype(np.float32)
    begun = time.perf_counter()
    for _ in range(PRODUCTS):
        one @ one.T
    return time.perf_counter() - begun
