"""What a node asks its main chain for: the relay follows any reorganisation of its window."""

from typing import Any, cast

import pytest
import trio

from bystack.node.ipc import Reconnecting
from bystack.node.sidechain.mainline import MainLine
from bystack.primitives.codec import encode
from bystack.sidechain.actions import system_transaction
from tests.sidechain.world import World, ready


class MainProcess:
    """Answers `headers` as the main chain's process does: after the newest known id."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def call(self, method: str, locator: list[bytes], limit: int, timeout: float) -> Any:
        entries = self.world.main.entries
        places = {entry.id: height for height, entry in enumerate(entries)}
        known = max((places[id] for id in locator if id in places), default=0)
        return [encode(entry.header) for entry in entries[known + 1 :][:limit]]


@pytest.mark.parametrize("depth", [1, 450, 900])
def test_the_relay_follows_a_reorganisation_as_deep_as_its_window(depth: int) -> None:
    world = ready()
    world.relay(depth + 20)
    world.main.reorganise(depth, 3)
    line = MainLine(cast(Reconnecting, MainProcess(world)), world.genesis)
    found = trio.run(line.relay, world.view, world.now // 1000)
    assert found is not None
    world.block(system_transaction(found))
    assert world.relayed == world.main.height
