"""Which code a sidechain's module names stand for: built-in ones, then installed packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from bystack.federation.module import FederationModule
from bystack.node.engines import engines_of
from bystack.sidechain.modules.base import Module, Modules, ModuleUnknown, Quiet
from bystack.sidechain.params import Genesis

GROUP = "bystack.modules"


class TransferModule(Quiet):
    """Plain payments, which every sidechain has: it adds nothing and may be named."""

    name = "transfer"


BUILT_IN: dict[str, Callable[[], Module]] = {
    FederationModule.name: FederationModule,
    TransferModule.name: TransferModule,
}


def modules_of(genesis: Genesis) -> Modules:
    """The genesis' modules in its order, and its main chain's proof-of-work engine.

    Raises `ModuleUnknown` for a module that is not installed, `EngineError` for an engine.
    """
    made = [_make(config.name) for config in genesis.modules]
    return Modules(made, engines_of(genesis.main))


def _make(name: str) -> Module:
    if name in BUILT_IN:
        return BUILT_IN[name]()
    for found in entry_points(group=GROUP, name=name):
        made: Module = found.load()()
        return made
    raise ModuleUnknown(name=name)
