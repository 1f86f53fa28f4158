"""A process that makes a world's blocks durable and is killed on its way by a failpoint."""

from __future__ import annotations

import sys

import trio

from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.store import SideStore
from tests.node.sidechain.test_store import busy, follow

if __name__ == "__main__":
    world = busy()
    store = SideStore.open(sys.argv[1], world.genesis, modules_of(world.genesis))
    trio.run(follow, store, world)
    store.close()
