"""The signer is fed a reorganisation of its window, whatever the member remembers."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from bystack.federation.watch import Watch
from bystack.mainchain.blocks import decode_header
from bystack.node.federation.feeding import Feeding
from bystack.node.federation.links import Links
from bystack.primitives.codec import encode
from bystack.sidechain.relay import locator
from tests.sidechain.world import World, ready


class Signer:
    """Answers as the signer's process does."""

    def __init__(self, world: World) -> None:
        self.watch = Watch(world.genesis)

    async def call(self, method: str, *params: Any) -> Any:
        match method, params:
            case "headers", (list() as headers,):
                self.watch.headers([decode_header(one) for one in headers], 2**40)
            case "locator", ():
                return list(locator(self.watch.view, self.watch.genesis))
        return [self.watch.tip.header.height, self.watch.tip.id, -1]


class Main:
    """Answers `headers` as the main chain's process does: after the newest known id."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def call(self, method: str, known: list[bytes], limit: int) -> Any:
        entries = self.world.main.entries
        places = {entry.id: height for height, entry in enumerate(entries)}
        start = max((places[id] for id in known if id in places), default=0)
        return [encode(entry.header) for entry in entries[start + 1 :][:limit]]


@pytest.mark.parametrize("depth", [1, 700])
def test_a_member_that_restarted_feeds_a_reorganisation(depth: int) -> None:
    world = ready()
    world.main.grow(1_500)
    signer = Signer(world)
    links = cast(Links, SimpleNamespace(main=Main(world), signer=signer))
    trio.run(Feeding(links, world.genesis).step)
    assert signer.watch.tip.id == world.main.entries[-1].id
    world.main.reorganise(depth, 2)
    trio.run(Feeding(links, world.genesis).step)
    assert signer.watch.tip.id == world.main.entries[-1].id
