"""Handing in a transaction that was finished elsewhere than in `spending`."""

from __future__ import annotations

from bystack.ledger.transactions import Transaction
from bystack.node.wallet.following import Follower, submit


async def hand_in(follower: Follower, tx: Transaction) -> str:
    """Hand it to the chain; the wallet takes note if coins of its own are spent. Its id in hex."""
    await submit(follower.client, tx)
    wallet = follower.purse.wallet
    if any(place in wallet.coins or place in wallet.pending for place in tx.body.inputs):
        follower.purse.sent(tx)
        await follower.purse.save()
    return tx.id.hex()
