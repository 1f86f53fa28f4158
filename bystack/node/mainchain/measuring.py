"""The figures of the main chain's process."""

from __future__ import annotations

from typing import Final, Protocol

from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import difficulty
from bystack.node.metrics.figures import MainFigures
from bystack.node.peering import peers_told

FAR: Final = 6
"""Blocks: a node that lacks more of the best chain tells yesterday's balances."""


class Searching(Protocol):
    """Who searches for blocks."""

    found: int

    @property
    def threads(self) -> int:
        """How many processes."""

    @property
    def rate(self) -> float:
        """Digests a second."""


def far_behind(driver: Driver) -> bool:
    """Whether the headers of the best chain are far ahead of what was connected."""
    return driver.machine.tree.best().header.height - driver.machine.tip.header.height > FAR


def figures(driver: Driver, miner: Searching | None) -> MainFigures:
    """As they are now; `miner`: None where nobody searches."""
    header, pool = driver.machine.tip.header, driver.pool.machine
    return MainFigures(
        height=header.height,
        tip_timestamp_seconds=header.time,
        **peers_told(driver.host),
        store_bytes=driver.store.size,
        headers=driver.machine.tree.best().header.height,
        syncing=int(driver.syncing),
        deepest_reorganisation_blocks=driver.deepest,
        reorganisations_total=driver.reorganisations,
        difficulty=difficulty(header, driver.store.params),
        mempool_transactions=len(pool),
        mempool_weight=pool.weight,
        mining_threads=miner.threads if miner else 0,
        mining_hashes_per_second=miner.rate if miner else 0.0,
        mining_blocks_total=miner.found if miner else 0,
    )
