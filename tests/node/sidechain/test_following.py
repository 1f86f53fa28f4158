"""The coins of one moment, for a wallet that cannot follow the blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint
from bystack.node.sidechain import following
from bystack.node.sidechain.following import unspent
from bystack.node.sidechain.modules import modules_of
from bystack.node.sidechain.store import SideStore
from bystack.primitives.codec import decode
from tests.ledger.people import BOB, CAROL
from tests.node.sidechain.test_store import busy, follow


def test_a_wallets_coins_are_told_as_of_one_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the roots asked for all, of others none; a block meanwhile changes nothing."""
    monkeypatch.setattr(following, "TOLD", 1)

    async def main() -> None:
        world = busy()
        world.pegged(40)
        height, header = world.side.header.height, world.side.header
        store = SideStore.open(str(tmp_path / "c"), world.genesis, modules_of(world.genesis))
        await follow(store, world)
        mine = {p: c for p, c in world.side.coins.items() if c.lock == CAROL.lock}
        assert len(mine) >= 2
        items = list[Any]()
        async for item in unspent(store, frozenset([CAROL.lock.root])):
            if not items:
                world.block(world.transact(CAROL))  # spends what is being told
                await follow(store, world)
            items.append(item)
        assert items[0] == ["at", height, header.id] and items[-1] == ["end"]
        pairs = [pair for item in items[1:-1] for pair in item[1]]
        told = {decode(Outpoint, p, 64): decode(Coin, c, 64_000) for p, c in pairs}
        assert told == mine and len(items) >= 4
        others = [one async for one in unspent(store, frozenset([BOB.lock.root]))]
        assert others[0][1] == height + 1 and others[1:] == [["coins", []], ["end"]]
        store.close()

    trio.run(main)
