"""What a sidechain's transaction must pay: enough of one asset fees are taken in, of no other any.

What is collected lies in the pool until a module shares it (`custody`).
"""

from __future__ import annotations

from collections.abc import Mapping

from bystack.primitives.errors import Invalid
from bystack.sidechain.params import Genesis


class FeeTooLow(Invalid):
    """The transaction pays less than the least fee in any asset the sidechain takes fees in."""


class FeeAsset(Invalid):
    """The transaction leaves a surplus in an asset fees are not taken in."""


def least_fees(genesis: Genesis) -> dict[bytes, int]:
    """The least fee of each asset that fees are taken in."""
    return {asset.asset: asset.fee for asset in genesis.assets if asset.fee}


def check_fees(least: Mapping[bytes, int], fees: Mapping[bytes, int]) -> None:
    """Raise `FeeAsset` or `FeeTooLow`; `least` as `least_fees` gives it."""
    if len(fees) == 1:  # nearly always
        [(asset, fee)] = fees.items()
        if asset in least and fee >= least[asset]:
            return
    for asset in fees:
        if asset not in least:
            raise FeeAsset(asset=asset)
    if not any(fee >= least[asset] for asset, fee in fees.items()):
        raise FeeTooLow(fees=dict(fees), least=dict(least))
