"""Evidence that a pool put out is handed in again, until the chain has it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from bystack.node.mainchain.signals import Signal
from bystack.node.sidechain import insisting
from bystack.node.sidechain.insisting import EVERY, insist
from bystack.sidechain.convictions import is_convicted
from tests.node.sidechain.network import until
from tests.node.sidechain.test_pooling import Stage, pooling
from tests.sidechain.test_misconduct import RING, _world, accusing, two


async def grow(stage: Stage, changed: Signal, blocks: int) -> None:
    """So many blocks without anything in them."""
    for _ in range(blocks):
        stage.world.idle()
    await stage.settle()
    changed.notify()


def test_evidence_that_was_put_out_comes_again_until_it_convicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[bool] = []
    settled = insisting._settled

    async def counted(*given: object) -> bool:
        tries.append(await settled(*given))  # type: ignore[arg-type]
        return tries[-1]

    monkeypatch.setattr(insisting, "_settled", counted)

    async def main() -> None:
        world, changed = _world().copy(), Signal()
        found = two(world)
        tx = accusing(found)
        async with pooling(tmp_path, world) as stage, trio.open_nursery() as nursery:
            machine = stage.pooling.pool.machine
            await stage.store.keep_evidence(found)
            nursery.start_soon(insist, stage.store, stage.pooling, changed)
            await until(lambda: tx.id in machine)
            stage.pooling.pool.drop(tx.id)
            await grow(stage, changed, EVERY - 1)
            assert tx.id not in machine
            await grow(stage, changed, 1)
            await until(lambda: tx.id in machine)
            world.block(tx)
            await stage.settle()
            assert is_convicted(world.view, RING.validators.validators[2].key)
            assert tx.id not in machine
            await grow(stage, changed, EVERY)
            await until(lambda: len(tries) == 3)
            assert tries == [False, False, True]
            await grow(stage, changed, 2 * EVERY)
            await trio.testing.wait_all_tasks_blocked()
            assert len(tries) == 3
            nursery.cancel_scope.cancel()

    trio.run(main)
