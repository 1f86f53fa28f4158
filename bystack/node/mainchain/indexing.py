"""The main chain's index of addresses: made at start from blocks and undo data, asked by RPC."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
import trio

from bystack.ledger.amounts import BTM
from bystack.node.addresses.building import Chain, Held, build
from bystack.node.addresses.methods import AddressMethods
from bystack.node.addresses.methods import Chain as Asked
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.forms import output_form
from bystack.node.store.chainstore import ChainStore

log = structlog.get_logger("mainchain")


async def make_index(store: ChainStore) -> None:
    """Make the index unless it is whole; before anything else uses the store."""
    chain = Chain(store.tip(), lambda: _blocks(store), lambda id: _position(store, id))
    await trio.to_thread.run_sync(build, store.view, chain, _tell)


def _blocks(store: ChainStore) -> Iterator[Held]:
    height = max(1, store.first_kept)
    while (id := store.connected_at(height)) is not None:
        spent = {one.outpoint: one.coin for one in store.undo(id).spent}
        yield Held(height, store.block(id).transactions, spent)
        height += 1


def _position(store: ChainStore, transaction: bytes) -> int | None:
    place = store.find(transaction)
    return None if place is None else place.position


def _tell(what: str, done: int) -> None:
    log.info("making the index of addresses", what=what, done=done)


def address_methods(driver: Driver, indexed: bool) -> AddressMethods:
    """What is asked about addresses of the main chain."""
    store = driver.store
    hrp = store.params.hrp
    return AddressMethods(
        Asked(
            hrp=hrp,
            snapshot=store.view.snapshot,
            height=lambda: driver.machine.tip.header.height,
            first=lambda: max(1, store.first_kept),
            output=lambda output: output_form(output, hrp),
            asset=lambda asset: {"asset": "BTM" if asset == BTM else asset.hex()},
            indexed=indexed,
            table="[mainchain]",
        )
    )
