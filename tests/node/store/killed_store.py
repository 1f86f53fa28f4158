"""A process that moves a chain store along the branches and is killed on its way by a failpoint."""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from tests.node.mainchain.branches import Opened, branches


async def main(path: Path) -> None:
    """Connect trunk and left branch block by block, then go over to the right in one batch."""
    opened, known = Opened(path), branches()
    await opened.keep(*known.all)
    for block in (*known.trunk, *known.left):
        await opened.move(block.id)
    await opened.move(known.right[-1].id)
    opened.store.close()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
