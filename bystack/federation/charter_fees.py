"""What a charter says of fees must be what the sidechain begins with: members compare both.

The vault's terms hold no fees, so nothing else would notice a specification that says otherwise.
"""

from __future__ import annotations

from typing import Final

from bystack.federation.charter import Charter, Fees
from bystack.federation.charter_reading import fraction
from bystack.primitives.errors import Invalid
from bystack.sidechain.specification import GenesisSpec

UNSAID: Final = Fees(0, 0, ())
"""A charter without `[fees]` leaves them to the specification."""


class FeesDisagree(Invalid):
    """The charter and the sidechain's specification say different fees."""


def check_fees(charter: Charter, spec: GenesisSpec) -> None:
    """Raises `FeesDisagree` with the key of `[fees]` whose number the specification contradicts.

    A flat fee of an asset is its `pegout_fee`, in its smallest units.
    """
    said = charter.fees
    if said == UNSAID:
        return
    pairs: list[tuple[str, int | None, int | None]] = [
        ("pegin_bp", said.pegin_bp, spec.pegin_bp),
        ("pegout_bp", said.pegout_bp, spec.pegout_bp),
    ]
    listed = {one.name: one for one in spec.assets}
    for name, amount in said.flat:
        asset = listed.get(name)
        ours = None if asset is None else fraction(amount, asset.decimals)
        pairs.append((f"flat.{name}", ours, None if asset is None else asset.pegout_fee))
    for key, charter_says, given in pairs:
        if charter_says is None or charter_says != given:
            raise FeesDisagree(key=key, charter=charter_says, specification=given)
