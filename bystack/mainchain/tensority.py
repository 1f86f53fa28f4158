"""The proof-of-work function Tensority: products of 256 matrices that a seed stands for.

Byte-compatible with Bytom's published vectors. A seed's matrices are 128 ROMix tables, computed
once and kept for the blocks that share the seed; a digest is 256 products of 256 x 256 matrices of
signed bytes, folded and hashed. Needs numpy, which is imported at the first digest; with
pycryptodome a seed takes under a second, without it some half a minute (`romix`).

Why single-precision products are exact: both operands are integers from -128 to 127, so a product
is at most 2**14 and any sum of up to 256 of them, in whatever order a library adds, at most 2**22.
Single precision holds every integer up to 2**24, so no step rounds, fused or not.
"""

from __future__ import annotations

from functools import cache, lru_cache
from hashlib import sha3_256
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from bystack.mainchain.romix import STATE_SIZE, romix
from bystack.primitives.errors import Misuse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.int8]
    Words = NDArray[np.uint32]

ROUNDS: Final = 128
STEPS: Final = 1024
SIDE: Final = 256
SLICE: Final = 8
KEPT_SEEDS: Final = 2
"""16 MiB each: a reorganisation across the border of two seeds does not compute them in turn."""

FNV_PRIME: Final = 0x01000193

# A diagonal order of Salsa20's words, in which a quarter-round works on four columns at once.
_ORDER: Final = (0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11)


class Tensority:
    """The engine: a header's id and the seed of its height to 32 bytes."""

    def __init__(self) -> None:
        _numpy()

    def digest(self, id: bytes, seed: bytes, /) -> bytes:
        """As the function `digest`."""
        return digest(id, seed)


def digest(header_hash: bytes, seed: bytes) -> bytes:
    """32 bytes from two times 32; the seed's matrices are kept. Raises `ImportError` without numpy.

    As published; Bytom compares it with its target as a little-endian number.
    """
    if len(header_hash) != 32 or len(seed) != 32:
        raise Misuse("tensority digests 32 bytes under a seed of 32 bytes")
    table = matrices(seed)
    slices = (header_hash[at : at + SLICE] for at in range(0, len(header_hash), SLICE))
    products = [_product(table, sha3_256(part).digest()) for part in slices]
    return sha3_256(_folded(products)).digest()


@cache
def _numpy() -> Any:
    try:
        return import_module("numpy")
    except ImportError:
        raise ImportError("tensority needs numpy: pip install 'bystack[tensority]'") from None


def _product(table: Bytes, sequence: bytes) -> Bytes:
    """The identity times 64 transposed matrices, named by 32 bytes twice over; 256 x 256."""
    np = _numpy()
    product = np.eye(SIDE, dtype=np.float32)
    for index in sequence * 2:
        exact = product @ table[index].T.astype(np.float32)
        wrapped = wrap(exact.astype("<i4"))
        product = wrapped.astype(np.float32)
    return wrapped


def wrap(sums: NDArray[np.int32]) -> Bytes:
    """Each sum's lowest byte plus the one above it, as a signed byte that overflows."""
    parts = sums.view("<i1").reshape(*sums.shape, 4)
    wrapped: Bytes = parts[..., 0] + parts[..., 1]
    return wrapped


def _folded(products: list[Bytes]) -> bytes:
    """Their sum to 256 bytes: four columns become a word, then half of the rows fold on half."""
    np = _numpy()
    total: Bytes = np.sum(products, axis=0, dtype=np.int8)
    columns = total.view(np.uint8).reshape(SIDE, 4, SIDE // 4).transpose(0, 2, 1)
    rows: Words = np.ascontiguousarray(columns).view("<u4").reshape(SIDE, SIDE // 4)
    while len(rows) > 1:
        half = len(rows) // 2
        rows = rows[:half] * np.uint32(FNV_PRIME) ^ rows[half:]
    return rows.astype("<u4").tobytes()


@lru_cache(maxsize=KEPT_SEEDS)
def matrices(seed: bytes) -> Bytes:
    """The 256 matrices of a seed, 16 MiB; the last two seeds' are kept."""
    np = _numpy()
    states = np.frombuffer(b"".join(_states(seed)), "<u4").reshape(ROUNDS, 32)
    tables = _tables(states.T.astype(np.uint32))
    # step, word, round -> round, parity of the step, half of it, word: two matrices a round.
    paired = tables.reshape(STEPS // 2, 2, 32, ROUNDS).transpose(3, 1, 0, 2)
    flat = np.ascontiguousarray(paired, "<u4").view(np.int8)
    shaped: Bytes = flat.reshape(2 * ROUNDS, SIDE, SIDE)
    shaped.flags.writeable = False
    return shaped


def _states(seed: bytes) -> list[bytes]:
    """The state that each round's table begins with: ROMix after ROMix."""
    parts = [seed]
    for _ in range(3):
        parts.append(sha3_256(parts[-1]).digest())
    states = [b"".join(parts)]
    assert len(states[0]) == STATE_SIZE
    for _ in range(ROUNDS - 1):
        states.append(romix(states[-1], STEPS))
    return states


def _tables(words: Words) -> Words:
    """What ROMix tabulates, of all rounds at once: step, word, round. `words`: word, round.

    Each round's table follows from its own first state, so the rounds are lanes side by side.
    """
    np = _numpy()
    order = np.array([*_ORDER, *(16 + index for index in _ORDER)])
    mixed = words[order].reshape(2, 4, 4, words.shape[1])
    tables = np.empty((STEPS, *mixed.shape), np.uint32)
    for step in range(STEPS):
        tables[step] = mixed
        first = _salsa(mixed[0] ^ mixed[1])
        mixed = np.stack([first, _salsa(first ^ mixed[1])])
    flat: Words = tables.reshape(STEPS, 32, words.shape[1])[:, np.argsort(order)]
    return flat


def _salsa(words: Words) -> Words:
    """Salsa20/8 of columns of words in diagonal order: 4 x 4 x lanes."""
    a, b, c, d = words
    for _ in range(4):
        b, c, d, a = _quarters(a, b, c, d)
        # Rows are columns of the other diagonals.
        b, c, d = d[[1, 2, 3, 0]], c[[2, 3, 0, 1]], b[[3, 0, 1, 2]]
        b, c, d, a = _quarters(a, b, c, d)
        b, c, d = d[[1, 2, 3, 0]], c[[2, 3, 0, 1]], b[[3, 0, 1, 2]]
    mixed: Words = _numpy().stack([a, b, c, d]) + words
    return mixed


def _quarters(a: Words, b: Words, c: Words, d: Words) -> tuple[Words, Words, Words, Words]:
    """Four quarter-rounds at once; b, c, d, a."""
    b = b ^ _turned(a + d, 7)
    c = c ^ _turned(b + a, 9)
    d = d ^ _turned(c + b, 13)
    return b, c, d, a ^ _turned(d + c, 18)


def _turned(words: Words, bits: int) -> Words:
    np = _numpy()
    turned: Words = words << np.uint32(bits) | words >> np.uint32(32 - bits)
    return turned
