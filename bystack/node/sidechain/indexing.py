"""A sidechain's index of addresses: made at start from its blocks, asked by RPC.

A sidechain keeps no undo data. What an input spent is looked up where it was made; of a chain that
began from a snapshot, what was made before it is not known, and the history begins there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import structlog
import trio

from bystack.ledger.coins import Coin
from bystack.ledger.transactions import Outpoint, Transaction
from bystack.node.addresses.building import Chain, Held, build
from bystack.node.addresses.methods import AddressMethods
from bystack.node.addresses.methods import Chain as Asked
from bystack.node.sidechain.rpc.forms import Forms
from bystack.node.sidechain.store import SideStore

BODIES: Final = 64
"""Bodies in memory while inputs are looked up: most coins are spent soon."""

log = structlog.get_logger("sidechain")


async def make_index(store: SideStore) -> None:
    """Make the index unless it is whole; before anything else uses the store."""
    chain = Chain(store.header.id, lambda: _blocks(store), lambda id: _position(store, id))
    await trio.to_thread.run_sync(build, store.raw, chain, _tell)


def _blocks(store: SideStore) -> Iterator[Held]:
    @lru_cache(BODIES)
    def body(height: int) -> tuple[Transaction, ...]:
        return store.body_at(height).transactions

    def made(place: Outpoint) -> Coin | None:
        found = store.find(place.transaction)
        if found is None:
            return None
        outputs = body(found.height)[found.position].body.outputs
        if place.index >= len(outputs):
            return None  # the chain gave it out
        output = outputs[place.index]
        return Coin(output.asset, output.amount, output.lock, found.height, 0, 1, b"")

    for height in range(max(1, store.first), store.height + 1):
        transactions = body(height)
        wanted = [place for tx in transactions for place in tx.body.inputs]
        spent = {place: coin for place in wanted if (coin := made(place)) is not None}
        yield Held(height, transactions, spent)


def _position(store: SideStore, transaction: bytes) -> int | None:
    place = store.find(transaction)
    return None if place is None else place.position


def _tell(what: str, done: int) -> None:
    log.info("making the index of addresses", what=what, done=done)


def address_methods(store: SideStore) -> AddressMethods:
    """What is asked about addresses of a sidechain."""
    forms = Forms(store.genesis)
    return AddressMethods(
        Asked(
            hrp=store.genesis.hrp,
            snapshot=store.snapshot,
            height=lambda: store.height,
            first=lambda: max(1, store.first),
            output=forms.output,
            asset=lambda asset: named(forms, asset),
            indexed=store.indexed,
            table="this [[sidechain]]",
        )
    )


def named(forms: Forms, asset: bytes) -> dict[str, str]:
    """An asset without an amount."""
    form = forms.asset(asset, 0)
    return {key: form[key] for key in ("asset", "name") if key in form}
