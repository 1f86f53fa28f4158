"""Peg-out orders: have recorded batches signed, then assemble and send what is signed.

Any member may assemble; they take turns by seat so that they rarely race, and the main chain
takes one order per seq whoever sent it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from bystack.federation.bridge import AskOperation, Bridge
from bystack.federation.trail import Operations
from bystack.federation.warrants import TOUCH_AFTER, OrderRequest
from bystack.ledger.terms import Terms
from bystack.ledger.vault_operations import Order, Touch, encode_operation, operation_digest
from bystack.ledger.vault_state import order_sums
from bystack.node.federation.assembling import (
    Anchor,
    anchor_among,
)
from bystack.node.federation.epochs import EpochFeeding
from bystack.node.federation.events import SideFinal
from bystack.node.federation.feeding import Feeding
from bystack.node.federation.membership import TURN_TICKS, Membership
from bystack.node.federation.sending import Job, Sending
from bystack.node.federation.showing import Showing
from bystack.node.federation.upkeep import Upkeep
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.light import KEPT_SETS, FinalHeader
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import OPEN, Batch, batch_key
from bystack.sidechain.tiering import pays

log = structlog.get_logger("federation")

QUIET_TICKS: Final = 10
"""Where nothing happened and nothing waits, every so many ticks are looked at all the same: the
signer may have begun anew."""


class NotFounded(Invalid):
    """The federation's sidechain is not on this node yet."""


class Orders:
    """The open batches, as the sidechain records them, on their way to the main chain."""

    def __init__(self, member: Membership, operations: Operations) -> None:
        self._member, self._operations = member, operations
        self._genesis: Genesis | None = None
        self._feeding: Feeding | None = None
        self._heard = 0
        self._ticks = 0
        self._passed = self._frozen = 0
        self._moved = self._unsigned = True
        self._open: dict[int, Batch] = {}
        self._upkeep = Upkeep(member)
        self._epochs, self._showing = EpochFeeding(member.links), Showing(member.links)
        self._sending = Sending(member)

    @property
    def jobs(self) -> dict[bytes, Job]:
        """What is being signed or sent, by digest."""
        return self._sending.jobs

    @property
    def genesis(self) -> Genesis:
        """The sidechain's genesis; raises `NotFounded`."""
        if self._genesis is None:
            self._genesis = self._member.setting.genesis()
            if self._genesis is None:
                raise NotFounded(name=self._member.setting.name)
            links, operations = self._member.links, self._operations
            self._feeding = Feeding(links, self._genesis, operations=operations)
        return self._genesis

    @property
    def founded(self) -> bool:
        """Whether the sidechain, and so its vault, is there."""
        return self._genesis is not None

    @property
    def frozen_until(self) -> int:
        """The main-chain block from which payouts go on after a guard's freeze; 0 without one."""
        return self._frozen if self._frozen > self._member.purse.height + 1 else 0

    def moved(self) -> None:
        """The main chain's best chain is another one, whose operations are known by now."""
        self._moved = True

    async def final(self, event: SideFinal) -> None:
        """A final sidechain block: have newly recorded batches signed."""
        self._heard = max(self._heard, event.height)
        await self._sign_open()

    async def _sign_open(self) -> None:
        """Have each open batch signed whose seq the main chain has not spent yet."""
        seqs = await self._member.links.state(tuple[int, ...], OPEN) or ()
        self._unsigned = any(seq >= self._passed for seq in seqs)
        self._open = {}
        later = await self._provable() if self._unsigned else None
        for seq in seqs:
            batch = await self._member.links.state(Batch, batch_key(seq))
            if batch is not None:
                self._open[seq] = batch
            if batch is not None and later is not None and seq >= self._passed:
                await self._sign_or_tell(batch, later)

    async def _provable(self) -> FinalHeader | None:
        """The newest header that a signer will believe; none while too few stand on the first."""
        try:
            return await self._member.links.newest_final() if self._heard else None
        except RemoteError as error:
            log.info("no header to show yet", reason=str(error))
            return None

    async def _sign_or_tell(self, batch: Batch, later: FinalHeader) -> None:
        """One batch that the signer refuses (for now) keeps no other from being signed."""
        try:
            await self._sign_batch(batch, later)
        except RemoteError as error:
            self._epochs.restart()
            log.info("order not signed", seq=batch.record.seq, reason=str(error))

    async def _sign_batch(self, batch: Batch, later: FinalHeader) -> None:
        record, bridge = batch.record, await self._member.ensure_bridge()
        order = Order(record.seq, record.tier, record.outputs)
        digest = self._digest(record.seq, order)
        ripe = later.header.height >= batch.height + self.genesis.consensus.finality
        if bridge is None or not ripe or self._settled(bridge, digest):
            return
        request = await self._request(batch, later)
        await self._epochs.reach(later.header.epoch)
        await self._showing.before(later.header.height)
        partials, named = await self._member.links.signer.call("order", encode(request))
        log.info("order signed", seq=record.seq, payouts=len(record.outputs))
        self._begin(order, digest)
        await self._member.signed(digest, partials, named)

    async def _request(self, batch: Batch, later: FinalHeader) -> OrderRequest:
        """The proof of a batch, under a header of an epoch that every signer still knows.

        A signer that was shown the next epoch already knows one epoch less of those before.
        """
        links, newest = self._member.links, later.header
        first = await links.final_header(batch.height)
        if first.header.epoch + KEPT_SETS <= newest.epoch + 1:
            first = await links.final_header(newest.height - self.genesis.consensus.finality)
        proof = await links.record(batch.leaf, first.header.height)
        return OrderRequest(batch.record, proof, first, later)

    def _settled(self, bridge: Bridge, digest: bytes) -> bool:
        """True if our signer signed and need not be asked again."""
        job = self.jobs.get(digest)
        return bridge.knows(digest) and not (job and job.short)

    def _begin(self, operation: Order | Touch, digest: bytes) -> None:
        """This member's turn comes after those of the seats before it, counted from the seq."""
        if digest in self.jobs:
            self.jobs[digest].short = False
            return
        size = len(self._member.roster.members)
        turn = (self._member.seat - operation.seq) % size
        self.jobs[digest] = Job(operation, digest, self._ticks + TURN_TICKS * turn)

    def _digest(self, seq: int, operation: Order | Touch) -> bytes:
        main = self._member.setting.main
        return operation_digest(main, self.genesis.vault, seq, operation)

    async def asked_touch(self, seq: int, tier: int) -> bytes:
        """Have a touch signed, if our signer finds that the seq stands still."""
        touch = Touch(seq, tier)
        digest = self._digest(seq, touch)
        bridge = await self._member.ensure_bridge()
        if bridge is not None and not bridge.knows(digest):
            partials, named = await self._member.links.signer.call("touch", seq, tier)
            self._begin(touch, digest)
            await self._member.signed(digest, partials, named)
        return digest

    async def tick(self) -> None:
        """Feed the signer; send what is signed and due; keep the vault's coins in order."""
        self._ticks += 1
        if self._genesis is None and self._member.setting.genesis() is None:
            return
        waits = self._moved or self._unsigned or self.jobs or self._upkeep.waits
        if waits or self._ticks % QUIET_TICKS == 0:
            await self._attend()

    async def _attend(self) -> None:
        fed = await self._feed(self.genesis)
        if self._member.links.side.connected:
            await self._sign_open()
        coins = await self._member.links.vault_coins(self.genesis.vault)
        anchor = anchor_among(self.genesis.vault, coins)
        self._passed, self._frozen = anchor.state.seq, anchor.state.frozen_until
        if self._ticks % TURN_TICKS == 0:
            self._ask_again()
            await self._void(anchor)
        await self._sending.due(anchor, self.genesis, self._ticks)
        idle = all(job.crowded for job in self.jobs.values())
        await self._upkeep.step(coins, self._ticks, idle=idle)
        self._moved = not fed

    def _ask_again(self) -> None:
        """Whoever was away has not heard of a touch; orders they find in their sidechain."""
        for job in self.jobs.values():
            if isinstance(job.operation, Touch):
                self._member.say(_asking(job.operation))

    async def _void(self, anchor: Anchor) -> None:
        """Have a seq voided that keeps the open batches behind it waiting for ever.

        And one that stood still for half of the time after which recovery alone may take over: the
        federation is alive, and shows it long before that (K14).
        """
        seq, terms = anchor.state.seq, await self._sending.terms(self.genesis)
        still = self._member.purse.height - anchor.state.touched
        ages = 2 * still >= terms.recover.idle
        if still <= TOUCH_AFTER or not (ages or blocked(seq, self._open, terms)):
            return
        try:
            await self.asked_touch(seq, 0)
        except RemoteError as error:
            log.info("seq not voided", seq=seq, reason=str(error))

    async def _feed(self, genesis: Genesis) -> bool:
        """Bring the signer up to the tip; what it refuses does not keep back what is signed."""
        assert self._feeding is not None, f"{genesis.name} is known, so its vault is followed"
        try:
            while await self._feeding.step():
                continue
        except (RemoteError, Invalid) as error:
            log.warning("signer not fed", reason=str(error))
            return False
        return True

    async def _anchor(self) -> Anchor:
        vault = self.genesis.vault
        return anchor_among(vault, await self._member.links.vault_coins(vault))


def blocked(seq: int, open_batches: Mapping[int, Batch], terms: Terms) -> bool:
    """True if batches wait for a seq that no order can ever spend.

    Its batch is void (a reorganisation took back what had voided it, and its requests have moved
    on), or the vault's terms changed and its tier can never pay it.
    """
    batch = open_batches.get(seq)
    if batch is None:
        return any(later > seq for later in open_batches)
    sums = order_sums(Order(seq, batch.record.tier, batch.record.outputs))
    return not all(pays(terms, batch.record.tier, *one) for one in sums.items())


def _asking(touch: Touch) -> AskOperation:
    return AskOperation(encode_operation(touch), (), b"")
