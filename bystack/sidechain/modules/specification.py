"""The modules a consortium chooses for its sidechain: names and numbers into genesis bytes.

Assets go by the names the genesis gives them, amounts are in their smallest units. What a package's
module wants to be told is its own affair: it is given as bytes in hex.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from bystack.primitives.codec import Wire, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.exchange.module import ExchangeModule
from bystack.sidechain.modules.exchange.orders import ExchangeConfig, Market
from bystack.sidechain.modules.registry.certificates import RegistryConfig
from bystack.sidechain.modules.registry.module import RegistryModule
from bystack.sidechain.modules.stake.module import StakeModule
from bystack.sidechain.modules.stake.records import StakeConfig
from bystack.sidechain.params import Asset, ModuleConfig

LIFETIME: Final = 1_000_000
"""Blocks an order may wait where nothing else is said: about six days at half a second."""

S = TypeVar("S", bound=Struct)


class ModuleSpecInvalid(Invalid):
    """What is said of a module is not what it wants to be told."""


class ModuleSpec(Struct, forbid_unknown_fields=True):
    """A module of the sidechain: its table for a built-in one, its bytes for a package's."""

    name: Annotated[str, Meta(max_length=32)]
    config: dict[str, Any] = {}
    hex: Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*\Z", max_length=1_000_000)] = ""


class MarketSpec(Struct, forbid_unknown_fields=True):
    """A market: amounts in multiples of `lot` of the base asset, values of `tick` of the quote."""

    base: str
    quote: str
    lot: int
    tick: int
    maker_bp: int = 0
    taker_bp: int = 0


class ExchangeSpec(Struct, forbid_unknown_fields=True):
    """What the exchange is told."""

    markets: Annotated[list[MarketSpec], Meta(min_length=1)]
    lifetime: int = LIFETIME


class RegistrySpec(Struct, forbid_unknown_fields=True):
    """What the registry is told: fees in smallest units of an asset."""

    asset: str
    fee: int = 0
    byte_fee: int = 0


class StakeSpec(Struct, forbid_unknown_fields=True):
    """What the stake module is told (see `StakeConfig`)."""

    asset: str
    own: int
    vote: int
    seats: int = 10
    least_set: int = 4
    unbonding: int = 7
    proposer: int = 2_000
    slash: int = 500
    presence: int = 500


def configured(specs: Sequence[ModuleSpec], assets: Sequence[Asset]) -> tuple[ModuleConfig, ...]:
    """The modules' genesis entries, in order; raises `ModuleSpecInvalid`."""
    named = {asset.name: asset for asset in assets}
    made = tuple(ModuleConfig(spec.name, _bytes(spec, named)) for spec in specs)
    if len({one.name for one in made}) < len(made):
        raise ModuleSpecInvalid(reason="a module is named twice")
    return made


def _bytes(spec: ModuleSpec, assets: Mapping[str, Asset]) -> bytes:
    if spec.name in _MAKERS and not spec.hex:
        return encode(_MAKERS[spec.name](spec, assets))
    if spec.config:
        expected = (*sorted(_MAKERS), "or hex, of a package's")
        raise ModuleSpecInvalid(module=spec.name, expected=expected)
    return bytes.fromhex(spec.hex)


def _exchange(spec: ModuleSpec, assets: Mapping[str, Asset]) -> Wire:
    said = _read(ExchangeSpec, spec)
    return ExchangeConfig(tuple(_market(one, assets) for one in said.markets), said.lifetime)


def _market(said: MarketSpec, assets: Mapping[str, Asset]) -> Market:
    base, quote = _asset(said.base, assets), _asset(said.quote, assets)
    return Market(
        base=base.asset,
        quote=quote.asset,
        lot=said.lot,
        tick=said.tick,
        base_unit=base.unit,
        quote_unit=quote.unit,
        maker_bp=said.maker_bp,
        taker_bp=said.taker_bp,
    )


def _registry(spec: ModuleSpec, assets: Mapping[str, Asset]) -> Wire:
    said = _read(RegistrySpec, spec)
    return RegistryConfig(_asset(said.asset, assets).asset, said.fee, said.byte_fee)


def _stake(spec: ModuleSpec, assets: Mapping[str, Asset]) -> Wire:
    said = _read(StakeSpec, spec)
    numbers = {**msgspec.structs.asdict(said), "asset": _asset(said.asset, assets).asset}
    return StakeConfig(**numbers)


_MAKERS: Final[Mapping[str, Callable[[ModuleSpec, Mapping[str, Asset]], Wire]]] = {
    ExchangeModule.name: _exchange,
    RegistryModule.name: _registry,
    StakeModule.name: _stake,
}


def _read(kind: type[S], spec: ModuleSpec) -> S:
    try:
        return msgspec.convert(spec.config, kind)
    except msgspec.ValidationError as error:
        raise ModuleSpecInvalid(module=spec.name, reason=str(error)) from None


def _asset(name: str, assets: Mapping[str, Asset]) -> Asset:
    if name not in assets:
        raise ModuleSpecInvalid(asset=name, expected=sorted(assets))
    return assets[name]
