"""Dividing an amount by weights, to the last unit, so that every node finds the same shares.

Largest remainder (Hamilton): each gets the whole part of its quota, what is left goes one by one to
the largest fractions, the first in order where these are equal. The shares add up to the amount.
"""

from __future__ import annotations

from collections.abc import Sequence


def shares(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """The share of each weight in `total`; all 0 where nobody has weight."""
    whole = sum(weights)
    if not whole:
        return (0,) * len(weights)
    quotas = [divmod(total * weight, whole) for weight in weights]
    left = total - sum(quota for quota, _ in quotas)
    order = sorted(range(len(weights)), key=lambda place: (-quotas[place][1], place))
    lucky = set(order[:left])
    return tuple(quota + (place in lucky) for place, (quota, _) in enumerate(quotas))
