"""Standing on a sidechain's coins, where its node joined by a snapshot and has no blocks below it.

The set of coins is whole all the same, so balances are; what came and went before is not known, nor
an address behind a gap of empty ones. A scan finds addresses that make more known: then it is made
again, so that all coins are of one block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bystack.ledger.coins import NO_CHANGE, Coin, Delta
from bystack.ledger.transactions import Outpoint
from bystack.mainchain.transition import undo_of
from bystack.node.ipc import Reconnecting
from bystack.node.wallet.purse import Purse
from bystack.node.wallet.stored import Block, ScanRecord
from bystack.primitives.codec import decode

MAX_COIN = 64_000
MAX_OUTPOINT = 64


async def stand(purse: Purse, client: Reconnecting) -> None:
    """Have the purse hold what the chain holds for it, at the chain's last block.

    Raises `RemoteError`, `Unavailable`.
    """
    places = purse.wallet.book.places
    while True:
        known = len(places)
        await _scan(purse, client, list(places))
        if len(places) == known:
            return


async def _scan(purse: Purse, client: Reconnecting, roots: Sequence[bytes]) -> None:
    at, coins, whole = (0, b""), dict[Outpoint, Coin](), False
    async with client.stream("unspent", roots) as items:
        async for item in items:
            match item:
                case ["at", int(height), bytes(id)]:
                    at = height, id
                case ["coins", list(pairs)]:
                    coins.update((_place(place), _coin(coin)) for place, coin in pairs)
                case ["end"]:
                    whole = True
                    break
    if whole:
        hold(purse, *at, coins)


def hold(purse: Purse, height: int, id: bytes, coins: Mapping[Outpoint, Coin]) -> None:
    """Hold these coins, all that is ours after the block `id` at `height`, and follow from there.

    A payment of ours that took a coin which is gone is on its way no more. That it is in a block is
    likely and not known, so nobody says that it failed: who believes that pays twice.
    """
    wallet = purse.wallet
    gone = {point: coin for point, coin in wallet.coins.items() if point not in coins}
    wallet.observe(height, Delta(gone, dict(coins)))
    lost = set(gone)
    for tx in list(purse.open.values()):
        if not lost.isdisjoint(tx.body.inputs):
            made = {Outpoint(tx.id, index) for index in range(len(tx.body.outputs))}
            lost |= made - coins.keys()
            purse.open.pop(tx.id, None)
            wallet.dropped(tx)
    purse.recent.clear()
    purse.recent[height] = Block(height, id, undo_of(NO_CHANGE))
    purse.stood, purse.fresh = height, False
    purse.touch()


def lose(purse: Purse) -> None:
    """Forget how far the chain was followed, and nothing else: the purse is to stand anew."""
    newest = next(iter(purse.locator()), (0, b""))
    purse.scan = ScanRecord(0, purse.wallet.height, newest[1])
    purse.wallet.height = 0
    purse.recent.clear()
    purse.touch()


def _place(data: bytes) -> Outpoint:
    return decode(Outpoint, data, MAX_OUTPOINT)


def _coin(data: bytes) -> Coin:
    return decode(Coin, data, MAX_COIN)
