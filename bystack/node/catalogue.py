"""Every RPC method of every kind of process, without a process: for the reference and its tests.

    python -m bystack.node.catalogue > docs/rpc.md

Methods are registered by the same functions as in the roles, over nobody: only names and types are
read of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from bystack.node import reference
from bystack.node.federation.methods import methods_of
from bystack.node.guard.methods import GuardMethods
from bystack.node.light.process import rpc_methods as light_methods
from bystack.node.mainchain.rpc_mempool import MempoolMethods
from bystack.node.mainchain.rpc_mining import MiningMethods
from bystack.node.roles.mainchain import rpc_methods as main_methods
from bystack.node.roles.sidechain import rpc_methods as side_methods
from bystack.node.rpc import Methods
from bystack.node.sidechain.modules import BUILT_IN
from bystack.node.sidechain.rpc.modules import ModuleMethods
from bystack.node.sidechain.rpc.staking import StakeMethods
from bystack.node.wallet.keeper import Keeper
from bystack.node.wallet.registry import wallet_methods
from bystack.sidechain.modules.base import Modules


class Nobody:
    """Has whatever is asked of it, and none of it means anything."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *given: object, **named: object) -> Any:
        """Itself again."""
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def catalogue() -> dict[str, Methods]:
    """The methods of each part: main chain, wallet, sidechain with every built-in module,
    federation, guard, and a light node's main chain."""
    nobody: Any = Nobody()
    return {
        "main": _main(nobody),
        "wallet": wallet_methods(Keeper("", nobody, tuple, nobody)),
        "sidechain": _sidechain(nobody),
        "federation": methods_of(nobody, nobody, b""),
        "guard": _guard(nobody),
        "light": light_methods(nobody, nobody, nobody, ""),
    }


def _main(nobody: Any) -> Methods:
    methods = main_methods(nobody, nobody, nobody, "")
    MempoolMethods(nobody, nobody).register(methods)
    MiningMethods(nobody, nobody, nobody, nobody).register(methods)
    return methods


def _sidechain(nobody: Any) -> Methods:
    methods = side_methods(nobody, nobody, nobody, "", b"")
    StakeMethods(nobody, nobody).add(methods)
    modules = Modules([make() for make in BUILT_IN.values()])
    ModuleMethods(nobody, nobody, modules).register(methods)
    return methods


def _guard(nobody: Any) -> Methods:
    methods = Methods("guard")
    GuardMethods(nobody, nobody).register(methods)
    return methods


if __name__ == "__main__":
    sys.stdout.write(reference.page(catalogue()))
