"""What the holders of some keys can do to a vault: the policies that consensus evaluates, asked.

A thief holds keys, and so do those he did not rob. Whether a group key is among them is a question
of weight: `federation.members`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from bystack.ledger.policies import All, Any, Bls, Key, Policy, Thresh
from bystack.ledger.terms import Terms


class Powers(NamedTuple):
    """Which tiers (by number), and which of the roles, some keys satisfy."""

    tiers: tuple[int, ...]
    guard: bool
    govern: bool
    recover: bool

    @property
    def replaces(self) -> bool:
        """Whether they can put other terms in force at once."""
        return self.recover and (self.guard or self.govern)

    @property
    def touches(self) -> bool:
        """Whether they can show that the vault lives, which keeps recovery alone away."""
        return self.govern or bool(self.tiers)


def powers_of(terms: Terms, held: Collection[bytes]) -> Powers:
    """The powers of these keys (bytes) under the terms."""
    tiers = tuple(n for n, tier in enumerate(terms.tiers) if satisfied(tier.policy, held))
    roles = (terms.guard.policy, terms.govern.policy, terms.recover.policy)
    guard, govern, recover = (satisfied(policy, held) for policy in roles)
    return Powers(tiers, guard, govern, recover)


def satisfied(policy: Policy, held: Collection[bytes]) -> bool:
    """Whether these keys can satisfy a policy of key, bls, thresh, all and any."""
    match policy:
        case Key(key) | Bls(key):
            return key in held
        case Thresh(k, subs):
            return sum(satisfied(sub, held) for sub in subs) >= k
        case All(subs):
            return all(satisfied(sub, held) for sub in subs)
        case Any(subs):
            return any(satisfied(sub, held) for sub in subs)
        case _:
            return False
