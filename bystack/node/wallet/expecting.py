"""Payments to us that wait in the chain's pool: seen, shown as not yet trusted, never spent.

Anybody may replace or withdraw such a payment until a block holds it. A light chain has no pool:
there they are not seen.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import trio

from bystack.ledger.transactions import decode_transaction
from bystack.node.ipc import Reconnecting, RemoteError, Unavailable
from bystack.node.wallet.purse import Purse

MAX_EXPECTED: Final = 1_000
"""So many are shown; a flood of dust to our addresses costs no more memory than that."""
PAUSE: Final = 5.0


async def expect(purse: Purse, client: Reconnecting) -> None:
    """Follow the pool until cancelled."""
    while True:
        await client.wait_connected()
        with suppress(Unavailable, RemoteError):
            await _listen(purse, client)
        purse.expected.clear()
        await trio.sleep(PAUSE)


async def _listen(purse: Purse, client: Reconnecting) -> None:
    async with client.stream("pool") as items:
        async for item in items:
            match item:
                case ["add", bytes(id), bytes(data)] if id not in purse.open:
                    _arrived(purse, data)
                case ["remove", bytes(id)]:
                    purse.expected.pop(id, None)


def _arrived(purse: Purse, data: bytes) -> None:
    tx, wallet = decode_transaction(data), purse.wallet
    ours = any(wallet.place(output.lock) is not None for output in tx.body.outputs)
    if ours and len(purse.expected) < MAX_EXPECTED:
        purse.expected[tx.id] = tx
