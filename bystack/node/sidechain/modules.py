"""Which code a sidechain's module names stand for: built-in ones, then installed packages."""

from __future__ import annotations

from collections.abc import Callable

from bystack.federation.module.application import FederationModule
from bystack.node.engines import engines_of
from bystack.primitives.codec import decode, prepare
from bystack.primitives.entry_points import entry_points
from bystack.primitives.errors import Invalid
from bystack.sidechain.modules.base import Module, Modules, ModuleUnknown, Quiet
from bystack.sidechain.modules.containment import Contained
from bystack.sidechain.modules.exchange.module import ExchangeModule
from bystack.sidechain.modules.exchange.orders import ExchangeConfig, check_assets
from bystack.sidechain.modules.registry.certificates import RegistryConfig, check_fees
from bystack.sidechain.modules.registry.module import RegistryModule
from bystack.sidechain.modules.stake.module import StakeModule
from bystack.sidechain.modules.stake.records import StakeConfig, check_asset
from bystack.sidechain.params import Genesis

GROUP = "bystack.modules"
MAX_CONFIG = 500_000


class TransferModule(Quiet):
    """Plain payments, which every sidechain has: it adds nothing and may be named."""

    name = "transfer"


BUILT_IN: dict[str, Callable[[], Module]] = {
    ExchangeModule.name: ExchangeModule,
    FederationModule.name: FederationModule,
    RegistryModule.name: RegistryModule,
    StakeModule.name: StakeModule,
    TransferModule.name: TransferModule,
}


class ModuleUnfit(Invalid):
    """The installed package does not offer a module of this name."""


def modules_of(genesis: Genesis) -> Modules:
    """The genesis' modules in its order, and its main chain's proof-of-work engine.

    A module of a package is held to its bounds (`Contained`). Raises `ModuleUnknown` for one that
    is not installed, `ModuleUnfit`, what a configuration that does not fit the chain's assets
    raises, and `EngineError` for an engine.
    """
    check_configs(genesis)
    made = [module_named(config.name) for config in genesis.modules]
    return Modules(made, engines_of(genesis.main))


def check_configs(genesis: Genesis) -> None:
    """Raise what is wrong with a built-in module's configuration on a chain of these assets."""
    units = {asset.asset: asset.unit for asset in genesis.assets}
    for one in genesis.modules:
        match one.name:
            case ExchangeModule.name:
                check_assets(decode(ExchangeConfig, one.config, MAX_CONFIG), units)
            case RegistryModule.name:
                check_fees(decode(RegistryConfig, one.config, MAX_CONFIG), units)
            case StakeModule.name:
                check_asset(decode(StakeConfig, one.config, MAX_CONFIG), units)


def module_named(name: str) -> Module:
    """A new module of this name; raises `ModuleUnknown`, `ModuleUnfit`."""
    if name in BUILT_IN:
        return BUILT_IN[name]()
    for found in entry_points(group=GROUP, name=name):
        try:
            made: Module = found.load()()
            prepare()
            return Contained(made, name)
        # The boundary to another's code: whatever ails it, the package is named and nothing runs.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise ModuleUnfit(name=name, place=found.value, reason=reason) from None
    raise ModuleUnknown(name=name, group=GROUP)
