"""What a guard is told once: which vault, by which rules, with which purse."""

from __future__ import annotations

from dataclasses import dataclass, field

from bystack.federation.guarding.machine import Rules
from bystack.mainchain.params import Params, chain_id
from bystack.sidechain.params import Genesis


@dataclass(frozen=True)
class Setting:
    """A guard's vault by the sidechain's name and genesis, its rules, its sponsor's secret.

    `hook`: a program that every alarm is given to, or empty.
    """

    name: str
    params: Params
    genesis: Genesis
    rules: Rules
    hook: str
    sponsor: bytes = field(repr=False)

    @property
    def main(self) -> bytes:
        """The main chain's id."""
        return chain_id(self.params)
