"""Digests of an engine that takes its time, computed beside the chain's task before it judges.

A branch of 2,000 headers is minutes of work for such an engine. The task would answer nobody
meanwhile, so the digests are made in a thread and remembered, and judging finds them made. It stops
at the first header without work, so a peer that sends rubbish costs one digest, as ever.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from bystack.mainchain.blocks import Header
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import SEED_PERIOD, Engine, TargetInvalid, meets, target_of
from bystack.node.engines import Installed


async def digest_ahead(tree: HeaderTree, headers: Sequence[Header], engine: Engine) -> None:
    """Have the engine remember the digests of a branch, oldest first, as far as it has work."""
    if not isinstance(engine, Installed) or not headers:
        return
    fresh = [header for header in headers if tree.entry(header.id) is None]
    parent = tree.entry(fresh[0].previous) if fresh else None
    if parent is None:
        return
    seed = parent.seed
    for header in fresh:
        if not await trio.to_thread.run_sync(_has_work, header, seed, engine):
            return
        seed = seed if header.height % SEED_PERIOD else header.id


def _has_work(header: Header, seed: bytes, engine: Engine) -> bool:
    try:
        return meets(engine.digest(header.id, seed), target_of(header.target))
    except TargetInvalid:
        return False
