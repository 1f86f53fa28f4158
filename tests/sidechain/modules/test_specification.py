"""Modules chosen for a sidechain: what people write becomes the bytes of the genesis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bystack.ledger.amounts import BTM
from bystack.primitives.codec import decode
from bystack.sidechain.modules.exchange.orders import ExchangeConfig, Market
from bystack.sidechain.modules.registry.certificates import RegistryConfig
from bystack.sidechain.modules.specification import (
    LIFETIME,
    ModuleSpec,
    ModuleSpecInvalid,
    configured,
)
from bystack.sidechain.params import Asset
from bystack.sidechain.specification import GenesisSpec
from tests.sidechain.mainside import GOLD
from tests.sidechain.world import ASSETS

EXAMPLE = Path(__file__).parent.parent.parent.parent / "configs" / "sidechain.spec.toml"
MARKET = {"base": "GOLD", "quote": "BTM", "lot": 5, "tick": 2}


def config_of(name: str, assets: tuple[Asset, ...] = ASSETS, **config: Any) -> bytes:
    (made,) = configured([ModuleSpec(name, config)], assets)
    assert made.name == name
    return made.config


def test_the_example_is_read_as_it_stands() -> None:
    spec = msgspec.toml.decode(EXAMPLE.read_bytes(), type=GenesisSpec)
    made = configured(spec.modules, ASSETS)
    assert [one.name for one in made] == ["registry", "exchange"]
    assert decode(RegistryConfig, made[0].config, 1_000) == RegistryConfig(BTM, 10_000, 10)
    market = Market(GOLD, BTM, 1, 100, 1, 1, 0, 10)
    assert decode(ExchangeConfig, made[1].config, 1_000) == ExchangeConfig((market,), 1_000_000)


def test_assets_go_by_name_and_bring_their_units() -> None:
    coarse = (ASSETS[0], msgspec.structs.replace(ASSETS[1], unit=5))
    made = decode(ExchangeConfig, config_of("exchange", coarse, markets=[MARKET]), 1_000)
    assert made == ExchangeConfig((Market(GOLD, BTM, 5, 2, 5, 1, 0, 0),), LIFETIME)


def test_a_packages_module_is_told_in_bytes() -> None:
    (made,) = configured([ModuleSpec("names", hex="93c0")], ASSETS)
    assert made.config == b"\x93\xc0"


@pytest.mark.parametrize(
    "spec",
    [
        ModuleSpec("registry", {"asset": "EUR"}),
        ModuleSpec("registry", {"fee": 1}),
        ModuleSpec("registry", {"asset": "BTM", "tax": 1}),
        ModuleSpec("exchange", {}),
        ModuleSpec("exchange", {"markets": []}),
        ModuleSpec("exchange", {"markets": [{**MARKET, "quote": "EUR"}]}),
        ModuleSpec("exchange", {"markets": [{**MARKET, "lot": "5"}]}),
        ModuleSpec("names", {"asset": "BTM"}),
        ModuleSpec("federation", {"threshold": 1}),
    ],
)
def test_what_makes_no_sense_is_refused(spec: ModuleSpec) -> None:
    with pytest.raises(ModuleSpecInvalid):
        configured([spec], ASSETS)


def test_a_module_is_named_once() -> None:
    with pytest.raises(ModuleSpecInvalid, match="twice"):
        configured([ModuleSpec("names"), ModuleSpec("names")], ASSETS)
