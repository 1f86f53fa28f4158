"""Handing in a transaction that was finished elsewhere than in `spending`."""

from __future__ import annotations

from bystack.ledger.transactions import Transaction
from bystack.node.wallet.following import Follower, submit
from bystack.node.wallet.spending import Spending


async def hand_in(follower: Follower, tx: Transaction) -> str:
    """Hand it to the chain; a payment of ours if it spends coins of ours. Its id in hex."""
    wallet = follower.purse.wallet
    if any(place in wallet.coins or place in wallet.pending for place in tx.body.inputs):
        await Spending(follower).hand_in(tx)
    else:
        await submit(follower.client, tx)
    return tx.id.hex()
