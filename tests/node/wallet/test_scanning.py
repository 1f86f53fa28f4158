"""A rescan ends where the wallet would have stood; given up, it ends where it stood before."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from bystack.mainchain.blocks import Block
from bystack.node.store.storage import Store
from bystack.node.wallet import scanning
from bystack.node.wallet.purse import FORMAT, KIND, Purse
from tests.mainchain.builders import EASY
from tests.node.wallet.people import HERE, KEY, history, path_to
from tests.node.wallet.test_purse import check, go, opened

GOAL = history().right[-1].id
WHOLE: tuple[Block, ...] = path_to(GOAL)


def read(purse: Purse, blocks: tuple[Block, ...]) -> None:
    for block in blocks:
        purse.connect(block.header.height, block.id, block.transactions, time=block.header.time)


def facts(purse: Purse) -> tuple[object, ...]:
    wallet = purse.wallet
    return dict(wallet.coins), dict(wallet.history), wallet.height, wallet.balances(EASY.maturity)


def behind(purse: Purse, blocks: tuple[Block, ...]) -> None:
    """The last block leaves the chain and comes again: nothing of it stays meanwhile."""
    if not blocks:
        return
    *others, last = blocks
    before = facts(purse)
    assert purse.disconnect(last.header.height, last.id)
    check(purse, others[-1].id) if others else None
    assert bool(purse.wallet.coins) == bool(others)
    read(purse, (last,))
    assert facts(purse) == before


@pytest.mark.parametrize("height", range(len(WHOLE) + 1))
@pytest.mark.parametrize("far", [0, 1, 99])
@pytest.mark.parametrize("killed", [False, True])
def test_from_any_height(tmp_path: Path, height: int, far: int, killed: bool) -> None:
    async def main() -> None:
        store, purse = opened(tmp_path)
        read(purse, WHOLE)
        before, top = facts(purse), purse.locator()[0]
        scanning.begin(purse, height, WHOLE[height - 1].id if height else b"")
        assert purse.wallet.height == height
        check(purse, WHOLE[height - 1].id) if height else None
        behind(purse, WHOLE[:height])
        read(purse, WHOLE[height : height + far])
        if killed:
            await purse.save()
            store.close()
            store, purse = opened(tmp_path)
        assert purse.scan is not None
        at = purse.wallet.height
        other = Store.open(tmp_path / "other", kind=KIND, magic=EASY.magic, version=FORMAT)
        if far:
            read(purse, WHOLE[at:])
            purse.at_tip()
        else:
            assert scanning.give_up(purse)
            assert purse.locator() == [top]
            behind(purse, WHOLE)
        assert facts(purse) == before
        assert purse.scan is None and not purse.aside
        assert not scanning.give_up(purse)
        fresh = Purse(HERE, KEY, other)
        read(fresh, WHOLE)
        assert facts(fresh) == before
        if far and height < len(WHOLE):
            go(purse, history().left[-1].id) if height < len(history().trunk) else None
        other.close()
        store.close()

    trio.run(main)


def test_progress_is_a_part_of_the_way(tmp_path: Path) -> None:
    store, purse = opened(tmp_path)
    assert scanning.progress(purse, 0) == 0
    read(purse, WHOLE[:2])
    assert scanning.progress(purse, 4) == 0.5
    scanning.begin(purse, 1, WHOLE[0].id)
    assert scanning.progress(purse, 5) == 0
    read(purse, WHOLE[1:3])
    assert scanning.progress(purse, 5) == 0.5
    assert scanning.progress(purse, 1) == 1
    store.close()
