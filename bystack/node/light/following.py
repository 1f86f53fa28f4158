"""The `blocks` stream of a light node: as a full node's, each block with what is watched alone.

An item's block holds the header and, of its transactions, those with a watched key; no root fits
it, but each transaction was proved. A reader says what it watches when it begins, and begins again
when it watches more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from bystack.ledger.transactions import Transaction, decode_transaction
from bystack.mainchain.blocks import Block
from bystack.mainchain.chain import Entry, parent_of
from bystack.mainchain.filters import followed_by
from bystack.node.light.driver import LightDriver
from bystack.node.light.scanning import Scanner
from bystack.primitives.codec import encode

Item = list[Any]


async def follow(
    scanner: Scanner, locator: Sequence[tuple[int, bytes]], watched: Iterable[bytes]
) -> AsyncIterator[Item]:
    """Disconnects and connects for one who knows these blocks (newest first), then live.

    Items: `["disconnect", height, id]`, `["connect", height, id, block]`, `["tip", height, id]`.
    """
    driver, keys = scanner.driver, set(watched)
    at, strange = _start(driver, locator)
    for height, id in strange:
        yield ["disconnect", height, id]
    while True:
        while (step := await _step(scanner, at, keys)) is not None:
            item, at = step
            yield item
        yield ["tip", at.header.height, at.id]
        while driver.machine.tip.id == at.id:
            await driver.changed.wait()


def _start(
    driver: LightDriver, locator: Sequence[tuple[int, bytes]]
) -> tuple[Entry, list[tuple[int, bytes]]]:
    """The newest known block of a locator, and those before it that are strange to us."""
    tree, strange = driver.machine.tree, list[tuple[int, bytes]]()
    for height, id in locator:
        if (entry := tree.entry(id)) is not None:
            return entry, strange
        strange.append((height, id))
    return tree.first, strange


async def _step(scanner: Scanner, at: Entry, keys: set[bytes]) -> tuple[Item, Entry] | None:
    """The next item on the way to the tip, and where that leads; None at the tip."""
    machine = scanner.driver.machine
    while machine.line.holds(at.id):
        following = machine.line.at(at.header.height + 1)
        if following is None:
            return None
        entry = machine.tree.entry(following)
        assert entry is not None
        proofs = await scanner.matching(entry, keys)
        if proofs is not None:
            transactions = tuple(decode_transaction(proof.transaction) for proof in proofs)
            _learn(keys, transactions)
            return _item(entry, transactions), entry
    return ["disconnect", at.header.height, at.id], parent_of(machine.tree, at)


def _learn(keys: set[bytes], transactions: Sequence[Transaction]) -> None:
    for tx in transactions:
        keys |= followed_by(tx, keys)


def _item(entry: Entry, transactions: tuple[Transaction, ...]) -> Item:
    part = encode(Block(entry.header, transactions))
    return ["connect", entry.header.height, entry.id, part]
