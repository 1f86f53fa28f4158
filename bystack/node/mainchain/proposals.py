"""Judging a block before it is mined (BIP 23): every rule but the proof of work."""

from __future__ import annotations

import time

import trio

from bystack.mainchain.actions import needs
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import check_child
from bystack.mainchain.transition import connect_block
from bystack.node.mainchain.driver import Driver
from bystack.primitives.errors import Invalid


class ProposalStale(Invalid):
    """The proposed block does not follow the tip."""


class _Done:
    """An engine whose digests meet every target."""

    def digest(self, id: bytes, seed: bytes, /) -> bytes:
        return bytes(32)


async def judge_proposal(driver: Driver, block: Block) -> None:
    """Raise the rule that the block would break if it were mined; changes nothing."""
    params, parent = driver.store.params, driver.machine.tip
    if block.header.previous != parent.id:
        raise ProposalStale(parent=block.header.previous, tip=parent.id)
    check_child(parent, block.header, params, int(time.time()), _Done())
    coins = await driver.store.coins.fetch(
        place for tx in block.transactions[1:] for place in needs(tx)
    )
    done = await trio.to_thread.run_sync(connect_block, coins, block, parent, params)
    await driver.verifier.require(done.checks)
