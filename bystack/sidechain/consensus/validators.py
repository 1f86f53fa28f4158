"""Who may vote, how much weight decides, and who leads.

A validator is named on the wire by its index in the epoch's set, sets of them by bitmaps, so no
signer can be counted twice (bbft.md, sections 1 and 6). `quorum` is the only place that says how
much weight decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, Protocol

from msgspec import Meta

from bystack.primitives.codec import U32, U63, Bytes32, Bytes48, Bytes96, Wire, encode
from bystack.primitives.errors import Invalid
from bystack.primitives.hashes import tagged

MAX_VALIDATORS = 400
MAX_BITMAP = MAX_VALIDATORS // 8

Bitmap = Annotated[bytes, Meta(max_length=MAX_BITMAP)]

_set_hash = tagged("bbft/validators")


class SetSize(Invalid):
    """A validator set has between 1 and 400 members."""


class DuplicateKey(Invalid):
    """Two validators share a key or a node."""


class WeightZero(Invalid):
    """A validator without weight."""


class PossessionUnproven(Invalid):
    """The proof of possession does not match the key (rogue-key attack)."""


class BitmapLength(Invalid):
    """The bitmap has not exactly the bytes its set needs."""


class BitmapBits(Invalid):
    """The bitmap names a validator outside the set."""


class Possession(Protocol):
    """What checks that a key's holder knows its secret."""

    def prove_check(self, key: bytes, proof: bytes) -> bool:
        """True if `proof` is the proof of possession of `key`."""
        ...


class Validator(Wire):
    """One voter: BLS key with its proof of possession, weight, and the node it speaks from."""

    key: Bytes48
    proof: Bytes96
    weight: U32
    node: Bytes32


class ValidatorSet(Wire, dict=True):
    """The voters of an epoch; a validator's index is its place in the tuple."""

    epoch: U63
    validators: Annotated[tuple[Validator, ...], Meta(max_length=MAX_VALIDATORS)]

    @cached_property
    def hash(self) -> bytes:
        """What headers name as `validators_hash`."""
        return _set_hash(encode(self))

    @cached_property
    def total(self) -> int:
        """The weight of all."""
        return sum(v.weight for v in self.validators)

    @cached_property
    def by_node(self) -> dict[bytes, int]:
        """Index of each validator by its node id."""
        return {v.node: index for index, v in enumerate(self.validators)}

    @cached_property
    def by_key(self) -> dict[bytes, int]:
        """Index of each validator by its key."""
        return {v.key: index for index, v in enumerate(self.validators)}

    def __len__(self) -> int:
        return len(self.validators)

    def weight_of(self, indexes: Iterable[int]) -> int:
        """The weight of distinct `indexes`."""
        return sum(self.validators[i].weight for i in indexes)

    def keys_of(self, indexes: Iterable[int]) -> list[bytes]:
        """The keys of `indexes`, in their order."""
        return [self.validators[i].key for i in indexes]


def quorum(total: int) -> int:
    """The least weight w with 3·w > 2·total. (2f+1 would fork when total ≠ 3f+1.)"""
    return total * 2 // 3 + 1


def weak(total: int) -> int:
    """The least weight w with 3·w > total: at least one honest validator is among them."""
    return total // 3 + 1


def bitmap_of(indexes: Iterable[int], size: int) -> bytes:
    """Bit i (byte i // 8, value 1 << i % 8) set for each index; ceil(size / 8) bytes."""
    bits = bytearray((size + 7) // 8)
    for index in indexes:
        bits[index // 8] |= 1 << index % 8
    return bytes(bits)


def indexes_of(bitmap: bytes, size: int) -> tuple[int, ...]:
    """The indexes in a bitmap, ascending; raises `BitmapLength`, `BitmapBits`."""
    if len(bitmap) != (size + 7) // 8:
        raise BitmapLength(length=len(bitmap), size=size)
    if int.from_bytes(bitmap, "little") >> size:
        raise BitmapBits(bitmap=bitmap, size=size)
    return tuple(_set_bits(bitmap))


def _set_bits(bitmap: bytes) -> Iterator[int]:
    bits = int.from_bytes(bitmap, "little")
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def leader(
    validators: ValidatorSet, seed: bytes, height: int, view: int, blocks_per_leader: int = 1
) -> int:
    """The index that proposes at (height, view): round robin over *all*, rotated by the seed.

    All, not only the gateways: with m ≤ f gateways all leaders might be Byzantine for ever.
    """
    size = len(validators)
    start = int.from_bytes(seed, "big") % size
    return (start + height // blocks_per_leader + view) % size


def check_set(validators: ValidatorSet, possession: Possession) -> None:
    """Refuse a set that could not vote safely.

    Raises `SetSize`, `DuplicateKey`, `WeightZero`, `PossessionUnproven`.
    """
    members = validators.validators
    if not 1 <= len(members) <= MAX_VALIDATORS:
        raise SetSize(size=len(members))
    if len({v.key for v in members}) < len(members) or len(validators.by_node) < len(members):
        raise DuplicateKey(size=len(members))
    for index, member in enumerate(members):
        if member.weight == 0:
            raise WeightZero(index=index)
        if not possession.prove_check(member.key, member.proof):
            raise PossessionUnproven(index=index)
