"""What a vault needs beside orders: mature payouts completed, many small coins joined.

Both are by anyone, so no signature is asked for; members take turns by seat only to spare fees.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from bystack.ledger.transactions import (
    DepositLock,
    Outpoint,
    Output,
    PendingLock,
    TreasuryLock,
)
from bystack.ledger.vault_building import OwnedCoin
from bystack.ledger.vault_layout import share
from bystack.ledger.vault_operations import Order, outputs_hash
from bystack.ledger.vault_spends import CONSOLIDATE_DEPTH, CONSOLIDATE_MOST
from bystack.node.federation.assembling import (
    Draft,
    by_anyone,
    draft_complete,
    draft_consolidate,
)
from bystack.node.federation.links import Links
from bystack.node.federation.membership import TURN_TICKS, Membership
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.records import Batch, Pending, batch_key
from bystack.sidechain.settlement import pending_key

log = structlog.get_logger("federation")

MANY_COINS = 500


class Upkeep:
    """One member's turns at the vault's coins."""

    def __init__(self, member: Membership) -> None:
        self._member = member
        self._due: dict[Outpoint | bytes, int] = {}

    @property
    def waits(self) -> bool:
        """Whether something is due at this member's turn."""
        return bool(self._due)

    async def step(self, coins: Sequence[OwnedCoin], ticks: int, *, idle: bool) -> None:
        """Send what is due at this tick; join coins only while `idle`, not under an order."""
        # The height of the block that would hold it.
        height = self._member.purse.height + 1
        mature = _mature(coins, height)
        heaps = _heaps(coins, height) if idle else {}
        present = {*(point for point, _ in mature), *heaps}
        self._due = {key: due for key, due in self._due.items() if key in present}
        for pending in mature:
            if self._is_due(pending[0], pending[1].height, ticks):
                await self._try("completion", self._complete(pending))
        for asset, heap in heaps.items():
            if self._is_due(asset, height, ticks):
                await self._try("consolidation", self._consolidate(heap))

    def _is_due(self, key: Outpoint | bytes, number: int, ticks: int) -> bool:
        """True at this member's turn, counted from a number all see; the next is a round later."""
        size = len(self._member.roster.members)
        turn = (self._member.seat - number) % size
        due = self._due.setdefault(key, ticks + TURN_TICKS * turn)
        if ticks >= due:
            self._due[key] = ticks + TURN_TICKS * size
        return ticks >= due

    async def _try(self, what: str, sending: Coroutine[Any, Any, bytes | None]) -> None:
        """A refusal, or an empty purse, waits for this member's next turn."""
        try:
            sent = await sending
        except (RemoteError, Invalid) as error:
            log.info(f"{what} not taken", reason=str(error))
            return
        if sent is not None:
            log.info(f"{what} sent", transaction=sent.hex())

    async def _complete(self, pending: OwnedCoin) -> bytes | None:
        """Pay out a mature coin, if the sidechain knows for whom it is."""
        outputs = await payouts(self._member.links, pending)
        if outputs is None:
            return None
        memo = self._member.setting.recipient
        return await self._submit(draft_complete(self._member.purse, pending, outputs, memo))

    async def _consolidate(self, heap: Sequence[OwnedCoin]) -> bytes:
        return await self._submit(draft_consolidate(self._member.purse, heap))

    async def _submit(self, draft: Draft) -> bytes:
        purse, main = self._member.purse, self._member.setting.main
        try:
            tx = by_anyone(purse, main, draft)
            return bytes(await self._member.links.main.call("submit", encode(tx)))
        except (RemoteError, Invalid):
            purse.release(draft.sponsor)
            raise


async def payouts(links: Links, pending: OwnedCoin) -> tuple[Output, ...] | None:
    """The outputs of the batch that a pending coin belongs to, of its asset; None if unknown."""
    point, coin = pending
    if not links.side.connected:
        return None
    found = await links.state(Pending, pending_key(point))
    batch = await links.state(Batch, batch_key(found.seq)) if found and found.known else None
    if batch is None:
        return None
    record = batch.record
    outputs = share(Order(record.seq, record.tier, record.outputs), coin.asset)
    named = isinstance(coin.lock, PendingLock) and outputs_hash(outputs) == coin.lock.outputs
    return outputs if named else None


def _mature(coins: Sequence[OwnedCoin], height: int) -> list[OwnedCoin]:
    """The pending coins that a block of this height may pay out."""
    return [
        (point, coin)
        for point, coin in coins
        if isinstance(coin.lock, PendingLock) and height >= coin.height + coin.lock.delay
    ]


def _heaps(coins: Sequence[OwnedCoin], height: int) -> dict[bytes, list[OwnedCoin]]:
    """By asset, where there are too many: the smallest coins deep enough to be joined at once."""
    deep: dict[bytes, list[OwnedCoin]] = {}
    for point, coin in coins:
        owned = isinstance(coin.lock, DepositLock | TreasuryLock)
        if owned and height - coin.height >= CONSOLIDATE_DEPTH:
            deep.setdefault(coin.asset, []).append((point, coin))
    many = {asset: heap for asset, heap in sorted(deep.items()) if len(heap) > MANY_COINS}
    return {asset: _smallest(heap) for asset, heap in many.items()}


def _smallest(heap: list[OwnedCoin]) -> list[OwnedCoin]:
    heap.sort(key=lambda pair: (pair[1].amount, pair[0].transaction, pair[0].index))
    return heap[:CONSOLIDATE_MOST]
