"""What transactions of a block do to a wallet's coins, one after the other."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from bystack.ledger.coins import NO_CHANGE, Coin, Delta
from bystack.ledger.transactions import Outpoint, PolicyLock, Transaction
from bystack.ledger.wallet import Wallet


def concerning(
    wallet: Wallet,
    waiting: Iterable[Transaction],
    transactions: Iterable[Transaction],
    given: Mapping[Outpoint, Coin] = NO_CHANGE.created,
) -> list[Transaction]:
    """Those of a block that pay us, or spend what we have or what a payment that is `waiting` does.

    `given`: coins that came out at an action, in no transaction's outputs.
    Nearly all are others' affair, so this is all that is looked at of them.
    """
    held = {point for tx in waiting for point in tx.body.inputs}
    ours = [points for points in (wallet.coins, wallet.pending, wallet.reserved, held) if points]
    places, found = wallet.book.places, list[Transaction]()
    made = {point.transaction for point, coin in given.items() if wallet.place(coin.lock)}
    for tx in transactions:
        inputs, outputs = tx.body.inputs, tx.body.outputs
        if (
            not inputs
            or any([isinstance(o.lock, PolicyLock) and o.lock.root in places for o in outputs])
            or any(point in points for points in ours for point in inputs)
            or (made and (tx.id in made or any(point.transaction in made for point in inputs)))
        ):
            found.append(tx)
            made.add(tx.id)
    return found


def change_of(
    wallet: Wallet, height: int, transactions: Sequence[Transaction], rewards: Container[bytes]
) -> Delta:
    """What a block does to our coins: those it spends, and those it leaves us.

    A coin of a transaction in `rewards` is marked as still to mature.
    """
    spent: dict[Outpoint, Coin] = {}
    created: dict[Outpoint, Coin] = {}
    for tx in transactions:
        for point in tx.body.inputs:
            if created.pop(point, None) is None and point in wallet.coins:
                spent[point] = wallet.coins[point]
        for index, output in enumerate(tx.body.outputs):
            if wallet.place(output.lock) is not None:
                reward = int(tx.id in rewards)
                coin = Coin(output.asset, output.amount, output.lock, height, reward, 1, b"")
                created[Outpoint(tx.id, index)] = coin
    return Delta(spent, created)


def one_after_the_other(first: Delta, second: Delta) -> Delta:
    """Both changes as one: a coin that the first brings and the second takes is in neither."""
    between = first.created.keys() & second.spent.keys()
    spent = {point: coin for point, coin in second.spent.items() if point not in between}
    created = {point: coin for point, coin in first.created.items() if point not in between}
    return Delta({**first.spent, **spent}, {**created, **second.created})
