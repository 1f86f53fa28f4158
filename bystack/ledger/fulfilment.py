"""From what is at hand to the items of a witness: which leaves of a policy to fill.

The other direction of `satisfaction`: it picks the first way that suffices, so that thresholds are
met exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bystack.ledger.policies import After, All, Any, Bls, Key, Older, Policy, Sha256, Thresh
from bystack.ledger.satisfaction import HEIGHT_REACHED
from bystack.ledger.transactions import Items
from bystack.primitives.errors import Invalid

_NONE: Mapping[bytes, bytes] = MappingProxyType({})


class SignaturesInsufficient(Invalid):
    """The signatures at hand do not satisfy the policy."""


class Gathered(NamedTuple):
    """What there is to satisfy a policy with.

    Signatures by key, preimages by their hash, the height of the block to be, the coin's age then.
    """

    signatures: Mapping[bytes, bytes]
    preimages: Mapping[bytes, bytes] = _NONE
    height: int = -1
    age: int = -1


def items_for(policy: Policy, signatures: Mapping[bytes, bytes]) -> Items:
    """The items that satisfy `policy` by signatures alone, given by key bytes.

    Raises `SignaturesInsufficient`.
    """
    return gathered_items(policy, Gathered(signatures))


def gathered_items(policy: Policy, gathered: Gathered) -> Items:
    """The items that satisfy `policy` with what was gathered. Raises `SignaturesInsufficient`."""
    items = _fill(policy, gathered)
    if items is None:
        raise SignaturesInsufficient(keys=len(gathered.signatures))
    return items


def _fill(policy: Policy, gathered: Gathered) -> Items | None:
    match policy:
        case Key(key) | Bls(key):
            return (gathered.signatures[key],) if key in gathered.signatures else None
        case Sha256(digest):
            return (gathered.preimages[digest],) if digest in gathered.preimages else None
        case After(height):
            return (HEIGHT_REACHED,) if gathered.height >= height else None
        case Older(blocks):
            return (HEIGHT_REACHED,) if gathered.age >= blocks else None
        case Thresh(k, subs):
            return _some(subs, k, gathered)
        case All(subs):
            return _some(subs, len(subs), gathered)
        case Any(subs):
            return _some(subs, 1, gathered)


def _some(subs: Sequence[Policy], needed: int, gathered: Gathered) -> Items | None:
    """Fill the first `needed` subs that can be, leave the rest empty."""
    found: list[bytes] = []
    filled = 0
    for sub in subs:
        items = _fill(sub, gathered) if filled < needed else None
        filled += items is not None
        found += items if items is not None else (b"",) * leaves(sub)
    return tuple(found) if filled == needed else None


def leaves(policy: Policy) -> int:
    """How many items a witness of the policy has."""
    match policy:
        case Thresh(_, subs) | All(subs) | Any(subs):
            return sum(leaves(sub) for sub in subs)
        case _:
            return 1
