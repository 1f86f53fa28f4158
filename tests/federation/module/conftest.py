"""After each block of these tests all that the module can be asked is held against its types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bystack.federation.module.application import FederationModule
from bystack.node.sidechain.rpc.shapes_modules import FEDERATION
from bystack.primitives.plain import to_plain
from bystack.sidechain.modules.base import read_only
from tests.node.rpc.held import faults_of
from tests.sidechain.world import World


@pytest.fixture(autouse=True)
def _queries_as_documented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made, faults = World.block, list[str]()

    def block(self: World, *given: Any, **named: Any) -> Any:
        built = made(self, *given, **named)
        for module in self.side.modules.modules:
            if isinstance(module, FederationModule):
                faults.extend(every(self, module))
        return built

    monkeypatch.setattr(World, "block", block)
    yield
    assert faults == []


def every(world: World, module: FederationModule) -> Iterator[str]:
    """What is wrong with the answers to all queries, in the state after the last block."""
    state = read_only(world.side.state, module.name)
    asked = [(name, ()) for name in FEDERATION if name != "getproposal"]
    open_ones = module.query(state, "listproposals", ()) or {}
    asked += [("getproposal", (one["number"],)) for one in open_ones["proposals"]]  # type: ignore[misc]
    for name, params in asked:
        told = module.query(state, name, params)
        yield from (f"{name}: {fault}" for fault in faults_of(to_plain(told), FEDERATION[name]))
