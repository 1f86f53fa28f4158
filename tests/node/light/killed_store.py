"""A process that keeps headers one batch after another and is killed on its way by a failpoint."""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from bystack.mainchain.chain import genesis_entry
from bystack.node.light.store import LightStore
from tests.mainchain.builders import EASY
from tests.mainchain.light import after

BATCH = 3
CHAIN = after(genesis_entry(EASY), 5 * BATCH)


async def main(path: Path) -> None:
    """Go on from where the store stands to the end of the chain."""
    store = LightStore.open(path, EASY)
    at = store.load().best().header.height
    for start in range(at, len(CHAIN), BATCH):
        await store.keep_headers(CHAIN[start : start + BATCH])
    store.close()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
