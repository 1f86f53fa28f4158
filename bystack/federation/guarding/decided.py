"""Which terms governance stands behind: those it decided, and the present ones with the next key.

A new group key changes nothing but itself: the terms that carry it are those in force with one key
in the other's place, so a guard needs no charter to know them.
"""

from __future__ import annotations

from bystack.ledger.policies import All, Any, Bls, Policy, Thresh
from bystack.ledger.terms import Govern, Guard, Recover, Terms, Tier


def rekeyed(terms: Terms, old: bytes, new: bytes) -> Terms:
    """The terms with the group key `new` wherever `old` stood."""
    tiers = tuple(
        Tier(_rekeyed(tier.policy, old, new), tier.limits, tier.delay) for tier in terms.tiers
    )
    return Terms(
        tiers,
        Guard(_rekeyed(terms.guard.policy, old, new), terms.guard.freeze),
        Govern(_rekeyed(terms.govern.policy, old, new), terms.govern.delay),
        Recover(_rekeyed(terms.recover.policy, old, new), terms.recover.idle),
        terms.note,
    )


def _rekeyed(policy: Policy, old: bytes, new: bytes) -> Policy:
    match policy:
        case Bls(key) if key == old:
            return Bls(new)
        case Thresh(k, subs):
            return Thresh(k, tuple(_rekeyed(sub, old, new) for sub in subs))
        case All(subs):
            return All(tuple(_rekeyed(sub, old, new) for sub in subs))
        case Any(subs):
            return Any(tuple(_rekeyed(sub, old, new) for sub in subs))
        case _:
            return policy
