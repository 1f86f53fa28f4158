"""The `events` stream of the main chain: what subscribers of the web server are told, as JSON.

From a height on each block is told in order, then live; a block that leaves the best chain is told
too, newest first. `tip` says that there is no more for now. Of `mempool` there is no history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from bystack.ledger.transactions import DepositLock, Transaction
from bystack.ledger.vault_operations import VAULT_KINDS, decode_operation
from bystack.mainchain.blocks import Block, decode_block
from bystack.node.ipc import RemoteError
from bystack.node.mainchain.driver import Driver
from bystack.node.mainchain.following import follow
from bystack.node.mainchain.forms import Json, output_form
from bystack.node.mainchain.reading import Reader
from bystack.node.pool.listening import pool_event
from bystack.node.rpc import BAD_PARAMETER
from bystack.node.rpc.topics import Followed

SHOWN: Final = ("asset", "units", "value")


async def tell(driver: Driver, reader: Reader, asked: Followed) -> AsyncIterator[Json]:
    """The events of a topic without end; raises `RemoteError` (-8 for a height not reached,
    -1 for pruned blocks on the way)."""
    if asked.topic == "mempool":
        async for events in driver.pool.listen_together():
            for one in events:
                yield pool_event(one)
        return
    async for item in follow(driver, _known(driver, reader, asked)):
        for event in _events(driver, item, asked.topic):
            yield event


def _known(driver: Driver, reader: Reader, asked: Followed) -> list[tuple[int, bytes]]:
    """What the subscriber is taken to know: everything before the height it names."""
    tip = reader.tip
    if asked.height is None:
        return [(tip.header.height, tip.id)]
    if asked.height > tip.header.height + 1:
        raise RemoteError(BAD_PARAMETER, f"block {asked.height} is not there yet")
    before = max(0, asked.height - 1)
    return [(before, reader.id_at(before))]


def _events(driver: Driver, item: list[Any], topic: str) -> Iterator[Json]:
    match item:
        case ["connect", height, id, data]:
            yield from _connected(driver, decode_block(data), topic, height, id.hex())
        case ["disconnect", height, id]:
            yield {"event": "disconnected", "height": height, "hash": id.hex()}
        case ["tip", height, id]:
            yield {"event": "tip", "height": height, "hash": id.hex()}


def _connected(driver: Driver, block: Block, topic: str, height: int, id: str) -> Iterator[Json]:
    place: Json = {"height": height, "blockhash": id}
    match topic:
        case "blocks":
            header = block.header
            before = {"previousblockhash": header.previous.hex(), "time": header.time}
            counted = {"nTx": len(block.transactions)}
            yield {"event": "block", "height": height, "hash": id, **before, **counted}
        case "transactions":
            for tx in block.transactions:
                yield {"event": "transaction", "txid": tx.id.hex(), **place}
        case _:
            for tx in block.transactions:
                yield from ({**one, **place} for one in _pegs(driver, tx))


def _pegs(driver: Driver, tx: Transaction) -> Iterator[Json]:
    """What a transaction does with vaults: deposits into one, operations on one."""
    txid = tx.id.hex()
    for action in tx.body.actions:
        if action.kind in VAULT_KINDS:
            operation = type(decode_operation(action.kind, action.body)).__name__.lower()
            yield {"event": "vault", "operation": operation, "txid": txid}
    for index, output in enumerate(tx.body.outputs):
        if isinstance(output.lock, DepositLock):
            form = output_form(output, driver.store.params.hrp)
            facts: Json = {name: form[name] for name in SHOWN if name in form}
            vault = output.lock.vault.hex()
            yield {"event": "deposit", "txid": txid, "vout": index, "vault": vault, **facts}
