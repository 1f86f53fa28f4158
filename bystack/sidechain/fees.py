"""What a sidechain's transaction must pay: enough of one asset fees are taken in, of no other any.

Enough is the least fee for each of its actions, and once for a payment, which has none: an action
costs what a transaction does, so sixteen orders in one pay as sixteen.

What is collected lies in the pool until a module shares it (`custody`).
"""

from __future__ import annotations

from collections.abc import Mapping

from bystack.primitives.errors import Invalid
from bystack.sidechain.params import Genesis


class FeeTooLow(Invalid):
    """The transaction pays less than the least fee, for each of its actions, in any fee asset."""


class FeeAsset(Invalid):
    """The transaction leaves a surplus in an asset fees are not taken in."""


def least_fees(genesis: Genesis) -> dict[bytes, int]:
    """The least fee of each asset that fees are taken in."""
    return {asset.asset: asset.fee for asset in genesis.assets if asset.fee}


def check_fees(least: Mapping[bytes, int], fees: Mapping[bytes, int], actions: int = 0) -> None:
    """Raise `FeeAsset` or `FeeTooLow`; `least` as `least_fees` gives it, `actions` how many the
    transaction has."""
    times = max(1, actions)
    if len(fees) == 1:  # nearly always
        [(asset, fee)] = fees.items()
        if asset in least and fee >= least[asset] * times:
            return
    for asset in fees:
        if asset not in least:
            raise FeeAsset(asset=asset)
    if not any(fee >= least[asset] * times for asset, fee in fees.items()):
        raise FeeTooLow(fees=dict(fees), least=dict(least), actions=actions)
