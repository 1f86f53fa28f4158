"""Payments to us that wait in the chain's pool: seen, shown as not yet trusted, never spent.

Anybody may replace or withdraw such a payment until a block holds it. A light chain has no pool:
there they are not seen. The pool is told which policy roots are ours and speaks of nothing else:
thousands of others' payments a second may come by.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import trio

from bystack.ledger.transactions import Output, decode_transaction
from bystack.node.ipc import Reconnecting, RemoteError, Unavailable
from bystack.node.mainchain.signals import Signal
from bystack.node.wallet.purse import Purse

MAX_EXPECTED: Final = 1_000
"""So many are shown; a flood of dust to our addresses costs no more memory than that."""
PAUSE: Final = 5.0
SETTLED: Final = 1.0
"""Seconds in which new addresses gather before the pool is told of them."""
MOST_TOLD: Final = 500_000
"""Addresses that a request has room for; of more the pool speaks of every payment."""


@dataclass(eq=False)
class _Hearing:
    """One request to the pool: whether it was answered, and what it told of that is expected."""

    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    begun: trio.Event = field(default_factory=trio.Event)
    told: set[bytes] = field(default_factory=set)


async def expect(purse: Purse, client: Reconnecting, widened: Signal) -> None:
    """Follow the pool until cancelled, and anew when `widened` tells that more is ours."""
    while True:
        await client.wait_connected()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_listen_on, purse, client, widened, nursery)
        purse.expected.clear()
        await trio.sleep(PAUSE)


async def _listen_on(
    purse: Purse, client: Reconnecting, widened: Signal, nursery: trio.Nursery
) -> None:
    """Ask for more while the pool is still heard: nothing that leaves meanwhile is missed, and
    what the first request told of and the second did not is gone."""
    before, places = _Hearing(), purse.wallet.book.places
    while True:
        asked, hearing = len(places), _Hearing()
        nursery.start_soon(_listen, purse, client, hearing, nursery.cancel_scope)
        await trio.sleep(SETTLED)
        await hearing.begun.wait()
        before.scope.cancel()
        for id in before.told - hearing.told:
            purse.expected.pop(id, None)
        before = hearing
        while len(places) == asked:
            await widened.wait()


async def _listen(
    purse: Purse, client: Reconnecting, hearing: _Hearing, whole: trio.CancelScope
) -> None:
    roots = list(purse.wallet.book.places)
    with hearing.scope, suppress(Unavailable, RemoteError):
        async with client.stream("pool", *([roots] if len(roots) <= MOST_TOLD else [])) as items:
            async for events in items:
                for event in events:
                    _take(purse, event, hearing.told)
                hearing.begun.set()
    if not hearing.scope.cancel_called:
        whole.cancel()


def _take(purse: Purse, event: list[Any], told: set[bytes]) -> None:
    match event:
        case ["add", bytes(id), bytes(data)] if id not in purse.open:
            if _arrived(purse, id, data):
                told.add(id)
        case ["remove", bytes(id)]:
            purse.expected.pop(id, None)
            told.discard(id)


def _arrived(purse: Purse, id: bytes, data: bytes) -> bool:
    """Whether a transaction is expected now: it pays us, and there is room."""
    wallet = purse.wallet
    ours = any(wallet.place(output.lock) is not None for output in _outputs(data))
    if ours and (id in purse.expected or len(purse.expected) < MAX_EXPECTED):
        purse.expected[id] = decode_transaction(data)
        return True
    return False


class _Glance(msgspec.Struct, array_like=True):
    """Of a transaction's body as much as shows whom it pays: thousands a second may come by."""

    version: msgspec.Raw
    inputs: msgspec.Raw
    outputs: tuple[Output, ...]


_glance = msgspec.msgpack.Decoder(tuple[_Glance, msgspec.Raw])


def _outputs(data: bytes) -> tuple[Output, ...]:
    """What a transaction that this node's own pool holds pays."""
    return _glance.decode(data)[0].outputs
