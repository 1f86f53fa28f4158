"""A member's policy as numbers: what its file says, with names and addresses resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bystack.federation.leak_explaining import decimal
from bystack.federation.policies.hours import Hours
from bystack.ledger.terms import Limit


@dataclass(frozen=True)
class Plugin:
    """A plug-in by its name among the entry points `bystack.policies`, and its settings."""

    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Policy:
    """Everything is off where it is empty.

    `limits`: own allowances. `allow`, `deny`: destination keys; an empty `allow` allows all.
    `manual`: per asset, above which amount of one payout an operator approves. `approve`: kinds of
    operations that an operator always approves. `state_age`: how old, in seconds, what is proved of
    the sidechain may be; 0 asks for nothing but its height, None is `judging.STATE_AGE` where the
    federation decrees anything. `names`: name and decimals of assets, for what people are told.
    """

    limits: tuple[Limit, ...] = ()
    allow: frozenset[bytes] = frozenset()
    deny: frozenset[bytes] = frozenset()
    hours: Hours | None = None
    manual: Mapping[bytes, int] = field(default_factory=lambda: MappingProxyType({}))
    approve: frozenset[str] = frozenset()
    plugins: tuple[Plugin, ...] = ()
    state_age: int | None = None
    names: Mapping[bytes, tuple[str, int]] = field(
        default_factory=lambda: MappingProxyType({}), compare=False
    )

    def amount(self, asset: bytes, units: int) -> str:
        """Smallest units as people write them; with the asset's id where it has no name here."""
        if asset not in self.names:
            return f"{units} of {asset.hex()}"
        name, decimals = self.names[asset]
        return f"{decimal(units, decimals)} {name}"


OPEN = Policy()
"""Where the operator wrote none: proofs alone decide."""
