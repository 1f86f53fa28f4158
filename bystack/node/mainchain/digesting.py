"""Digests of an engine that takes its time, computed beside the chain's task before it judges.

A branch of 2,000 headers is minutes of work for such an engine. The task would answer nobody
meanwhile, so the digests are made in a thread and remembered, and judging finds them made. It stops
at the first header without the work that its parent prescribes: rubbish costs one digest, as ever.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio
from msgspec.structs import replace

from bystack.mainchain.blocks import Block, Header
from bystack.mainchain.chain import next_target
from bystack.mainchain.messages import Announce, CompactBlock, Headers, MainMessage
from bystack.mainchain.params import Params
from bystack.mainchain.tree import HeaderTree
from bystack.mainchain.work import SEED_PERIOD, Engine, meets, target_of
from bystack.node.engines import Installed


def carried(message: MainMessage | Block) -> tuple[Header, ...]:
    """The headers that judging a message looks at; a block asked for had its header judged."""
    match message:
        case Headers(headers):
            return headers
        case Announce(header) | CompactBlock(header) | Block(header):
            return (header,)
        case _:
            return ()


async def digest_ahead(
    tree: HeaderTree, headers: Sequence[Header], params: Params, engine: Engine
) -> None:
    """Have the engine remember the digests of a branch, oldest first, as far as it has work."""
    if not isinstance(engine, Installed) or not headers:
        return
    fresh = [header for header in headers if tree.entry(header.id) is None]
    parent = tree.entry(fresh[0].previous) if fresh else None
    if parent is None:
        return
    for header in fresh:
        if header.target != next_target(parent, params):
            return
        if not await trio.to_thread.run_sync(_has_work, header, parent.seed, engine):
            return
        seed = parent.seed if header.height % SEED_PERIOD else header.id
        parent = replace(parent, header=header, seed=seed)


def _has_work(header: Header, seed: bytes, engine: Engine) -> bool:
    return meets(engine.digest(header.id, seed), target_of(header.target))
