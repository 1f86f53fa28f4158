"""From signatures at hand to the items of a witness: which leaves of a policy to fill.

The other direction of `satisfaction`: it picks the first way that the signatures suffice for, so
that thresholds are met exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bystack.ledger.policies import All, Any, Bls, Key, Policy, Thresh
from bystack.ledger.transactions import Items
from bystack.primitives.errors import Invalid


class SignaturesInsufficient(Invalid):
    """The signatures at hand do not satisfy the policy."""


def items_for(policy: Policy, signatures: Mapping[bytes, bytes]) -> Items:
    """The items that satisfy `policy`; `signatures` by key bytes.

    Knows keys, thresholds, all and any. Raises `SignaturesInsufficient`.
    """
    items = _fill(policy, signatures)
    if items is None:
        raise SignaturesInsufficient(keys=len(signatures))
    return items


def _fill(policy: Policy, signatures: Mapping[bytes, bytes]) -> Items | None:
    match policy:
        case Key(key) | Bls(key):
            return (signatures[key],) if key in signatures else None
        case Thresh(k, subs):
            return _some(subs, k, signatures)
        case All(subs):
            return _some(subs, len(subs), signatures)
        case Any(subs):
            return _some(subs, 1, signatures)
        case _:
            return None


def _some(subs: Sequence[Policy], needed: int, signatures: Mapping[bytes, bytes]) -> Items | None:
    """Fill the first `needed` subs that can be, leave the rest empty."""
    found: list[bytes] = []
    filled = 0
    for sub in subs:
        items = _fill(sub, signatures) if filled < needed else None
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
