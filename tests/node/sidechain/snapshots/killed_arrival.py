"""A process that takes a snapshot in and is killed on its way by a failpoint."""

from __future__ import annotations

import sys
from pathlib import Path

from bystack.node.sidechain.snapshots.shelf import Shelf
from tests.node.sidechain.snapshots.places import arrive, lived, small_chunks

if __name__ == "__main__":
    with small_chunks():
        shelf = Shelf(sys.argv[1], lived().genesis.id, 2)
        arrive(Path(sys.argv[2]), lived().genesis, shelf, shelf.manifests[0]).close()
