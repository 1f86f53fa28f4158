"""What the founders of a sidechain decide, with defaults that are safe, and where they come from.

Only four things have no default: who takes part, the assets, how much of each may leave the vault
in a window, and the keys of guards and recovery. Somebody must have thought about them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bystack.client.sidechain_new.operators import Operator

SUPER_WEIGHT: Final = 2
SUPERS: Final = 2
FEW: Final = 4


class Pace(NamedTuple):
    """Blocks of the main chain that waiting takes on a network, and K."""

    confirmations: int
    window: int
    delay: int
    freeze: int
    govern: int
    idle: int
    lag_pause: int
    lag_stop: int
    finality: int


PACES: Final[dict[str, Pace]] = {
    "main": Pace(100, 576, 576, 1008, 8064, 210_240, 48, 576, 12),
    "test": Pace(10, 576, 576, 1008, 8064, 210_240, 48, 576, 2),
    "regtest": Pace(6, 12, 144, 100, 144, 10_000, 0, 0, 1),
}
"""A network of one's own takes those of `main`."""


class ChosenAsset(NamedTuple):
    """An asset: its name here, its id on the main chain, decimals, and the limit per window."""

    name: str
    id: str
    decimals: int
    limit: str = ""


@dataclass(frozen=True)
class Choices:
    """Everything decided; amounts of `limit` as people write them."""

    name: str
    network: str
    engine: str = "bbft"
    hrp: str = ""
    assets: tuple[ChosenAsset, ...] = ()
    operators: tuple[Operator, ...] = ()
    validators: tuple[Operator, ...] = ()
    pegin_bp: int = 0
    pegout_bp: int = 0
    modules: tuple[str, ...] = ()
    numbers: dict[str, int | str] = field(default_factory=dict)
    guards: tuple[str, ...] = ()
    recovery: tuple[str, ...] = ()
    supers: tuple[str, ...] = ()
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def pace(self) -> Pace:
        """The waiting times of its network."""
        return PACES.get(self.network, PACES["main"])

    @property
    def prefix(self) -> str:
        """What addresses of the sidechain begin with: letters of its name, unless chosen."""
        return self.hrp or "".join(one for one in self.name if one.isalpha())[:8]

    @property
    def named(self) -> dict[str, str]:
        """Charter keys by name: those in operators' files and those given."""
        found = {n: one.key for each in self.operators for n, one in each.named.items()}
        return {**found, **self.keys}

    def role(self, chosen: tuple[str, ...], prefix: str) -> tuple[str, ...]:
        """The names of a role's keys: as chosen, else those that begin so."""
        return chosen or tuple(sorted(name for name in self.named if name.startswith(prefix)))

    @property
    def towers(self) -> tuple[str, ...]:
        """The guards' keys."""
        return self.role(self.guards, "tower")

    @property
    def recoverers(self) -> tuple[str, ...]:
        """The recovery keys: `r1`, `r2` … unless chosen."""
        if self.recovery:
            return self.recovery
        return tuple(sorted(n for n in self.named if n[:1] == "r" and n[1:].isdigit()))

    @property
    def leaders(self) -> tuple[str, ...]:
        """The supers' keys."""
        return self.role(self.supers, "super")

    def weight(self, seat: int) -> int:
        """A member's weight: its own, else two for each of two supers where there are four."""
        given = self.operators[seat].weight
        usual = SUPER_WEIGHT if seat < SUPERS and len(self.operators) >= FEW else 1
        return given or usual


def threshold(weights: list[int]) -> int:
    """More than two thirds of the weight, unless then one member alone could stop every quorum.

    One share may always be away: a single operator must not hold the others up.
    """
    total = sum(weights)
    return min(2 * total // 3 + 1, total - max(weights, default=0)) or 1


def asset_from(text: str) -> ChosenAsset:
    """An asset given as NAME:ID:DECIMALS; raises `ValueError` with what is expected."""
    name, _, rest = text.partition(":")
    id, _, decimals = rest.partition(":")
    if name == "BTM" and not rest:
        return ChosenAsset("BTM", "ff" * 32, 8)
    if not (name and len(id) == 64 and decimals.isascii() and decimals.isdigit()):
        raise ValueError(f"{text} is no NAME:ID:DECIMALS, as bystack asset info shows them")
    return ChosenAsset(name, id.lower(), int(decimals))


def with_limits(assets: list[ChosenAsset], limits: list[str]) -> tuple[ChosenAsset, ...]:
    """The assets with limits given as NAME=AMOUNT; raises `ValueError`."""
    named = {asset.name: asset for asset in assets}
    for text in limits:
        name, _, amount = text.partition("=")
        if name not in named or not amount:
            known = ", ".join(named) or "none yet"
            raise ValueError(f"{text} is no NAME=AMOUNT of an asset given ({known})")
        named[name] = named[name]._replace(limit=amount)
    return tuple(named.values())
