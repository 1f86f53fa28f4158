"""Payments to us that wait in the chain's pool: seen, shown as not yet trusted, never spent.

Anybody may replace or withdraw such a payment until a block holds it. A light chain has no pool:
there they are not seen.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import msgspec
import trio

from bystack.ledger.transactions import Output, decode_transaction
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
        async for events in items:
            for event in events:
                _take(purse, event)


def _take(purse: Purse, event: list[Any]) -> None:
    match event:
        case ["add", bytes(id), bytes(data)] if id not in purse.open:
            _arrived(purse, data)
        case ["remove", bytes(id)]:
            purse.expected.pop(id, None)


def _arrived(purse: Purse, data: bytes) -> None:
    wallet = purse.wallet
    ours = any(wallet.place(output.lock) is not None for output in _outputs(data))
    if ours and len(purse.expected) < MAX_EXPECTED:
        tx = decode_transaction(data)
        purse.expected[tx.id] = tx


class _Glance(msgspec.Struct, array_like=True):
    """Of a transaction's body as much as shows whom it pays: thousands a second may come by."""

    version: msgspec.Raw
    inputs: msgspec.Raw
    outputs: tuple[Output, ...]


_glance = msgspec.msgpack.Decoder(tuple[_Glance, msgspec.Raw])


def _outputs(data: bytes) -> tuple[Output, ...]:
    """What a transaction that this node's own pool holds pays."""
    return _glance.decode(data)[0].outputs
