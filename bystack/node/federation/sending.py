"""Signed orders and touches on their way into a main-chain block: whose turn, for which fee.

Any member may assemble: they take turns by seat so that they rarely race, and a member that does
not send is passed over. Nobody signs again for a higher fee, since no fee ever leaves the vault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from bystack.federation.purse import PurseEmpty
from bystack.ledger.fulfilment import SignaturesInsufficient
from bystack.ledger.mempool import FeeTooLow
from bystack.ledger.terms import Terms
from bystack.ledger.vault_approvals import demands
from bystack.ledger.vault_building import Sponsor
from bystack.ledger.vault_operations import Order, Touch
from bystack.node.federation.assembling import (
    RATE,
    Anchor,
    CoinsTooMany,
    Draft,
    Signatures,
    coins_for,
    complete,
    draft_order,
    draft_touch,
)
from bystack.node.federation.membership import TURN_TICKS, Membership
from bystack.node.ipc import RemoteError
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid
from bystack.sidechain.params import Genesis
from bystack.sidechain.records import MIRROR, Mirror

log = structlog.get_logger("federation")

STUCK_BLOCKS: Final = 3
"""So many main-chain blocks without it, and an order is offered again for twice the fee: a sponsor
pays it, so nobody signs anew, and the better offer replaces the one before in every pool."""

MAX_RAISES: Final = 6


@dataclass
class Job:
    """An order or touch being signed: what, its digest, when this member tries to send it.

    `short`: the signatures do not suffice, so the own signer is asked again (terms may have changed
    since, and its named keys with them). `crowded`: it needs too many coins, which must be joined.
    `ready`: the main-chain height at which it could be sent first, -1 before; `tried`: the one at
    which this member last had it taken; `sponsor`: whose coin paid in that; `poor`: how often its
    fee was below what the main chain's pool takes.
    """

    operation: Order | Touch
    digest: bytes
    due: int
    sent: bytes = b""
    short: bool = False
    crowded: bool = False
    ready: int = -1
    tried: int = -1
    sponsor: Sponsor | None = None
    poor: int = 0

    def rate(self, height: int) -> int:
        """The fee rate to offer: double what it was for every few blocks that did not take it."""
        waited = max(0, height - self.ready) // STUCK_BLOCKS if self.ready >= 0 else 0
        return RATE << min(MAX_RAISES, waited + self.poor)


class Offer(NamedTuple):
    """What a job is sent with: the anchor it spends, when, and who signed it."""

    anchor: Anchor
    genesis: Genesis
    ticks: int
    signatures: Signatures


class Sending:
    """This member's turns at what is signed."""

    def __init__(self, member: Membership) -> None:
        self._member = member
        self.jobs: dict[bytes, Job] = {}

    async def due(self, anchor: Anchor, genesis: Genesis, ticks: int) -> None:
        """Send what is signed, if its seq is the anchor's and it is this member's turn.

        What is spent is forgotten.
        """
        bridge = await self._member.ensure_bridge()
        assert bridge is not None, "jobs are signed by a key"
        for job in list(self.jobs.values()):
            if job.operation.seq < anchor.state.seq:
                self.jobs.pop(job.digest)
                bridge.done(job.digest)
                continue
            first = job.operation.seq == anchor.state.seq
            if first and bridge.signature(job.digest) is not None:
                signatures = bridge.signatures(job.digest)
                await self._at_turn(job, Offer(anchor, genesis, ticks, signatures))

    async def _at_turn(self, job: Job, offer: Offer) -> None:
        """What the pool took once is offered again only after another block."""
        height = self._member.purse.height
        job.ready = height if job.ready < 0 else min(job.ready, height)
        if offer.ticks >= job.due and job.tried != height:
            await self._send(job, offer)

    async def _send(self, job: Job, offer: Offer) -> None:
        """Send one; a refusal, or an empty purse, waits for this member's next turn."""
        job.due = offer.ticks + TURN_TICKS * len(self._member.roster.members)
        try:
            job.sent = await self._submit(job, offer)
        except (RemoteError, Invalid) as error:
            job.short = isinstance(error, SignaturesInsufficient)
            job.crowded = isinstance(error, CoinsTooMany)
            job.poor += error.rule == FeeTooLow.__name__
            # Another member was first, a named key is away, or the vault waits for its bucket.
            tell = log.warning if job.short or job.crowded else log.info
            tell("not taken", seq=job.operation.seq, reason=str(error))
            return
        job.tried = self._member.purse.height
        log.info("sent", seq=job.operation.seq, transaction=job.sent.hex())

    async def _submit(self, job: Job, offer: Offer) -> bytes:
        main, vault = self._member.setting.main, offer.genesis.vault
        terms = await self.terms(offer.genesis)
        draft = await self._draft(job, offer, terms)
        try:
            demanded = demands(main, vault, job.operation, terms)
            tx = complete(self._member.purse, main, draft, terms, demanded, offer.signatures)
            sent = bytes(await self._member.links.main.call("submit", encode(tx)))
        except (RemoteError, Invalid):
            self._member.purse.release(draft.sponsor)
            raise
        job.sponsor = draft.sponsor
        return sent

    async def _draft(self, job: Job, offer: Offer, terms: Terms) -> Draft:
        """A body with a sponsor; with no other coin, the one of the offer that it replaces."""
        try:
            return await self._drafted(job, offer, terms)
        except PurseEmpty:
            if job.sponsor is None:
                raise
            self._member.purse.release(job.sponsor)
            job.sponsor = None
            return await self._drafted(job, offer, terms)

    async def _drafted(self, job: Job, offer: Offer, terms: Terms) -> Draft:
        purse = self._member.purse
        rate = job.rate(purse.height)
        match job.operation:
            case Touch() as touch:
                return draft_touch(purse, offer.anchor, terms, touch, rate)
            case Order() as order:
                coins = await self._member.links.vault_coins(offer.genesis.vault)
                chosen = coins_for(order, coins)
                memo = self._member.setting.recipient
                return draft_order(purse, offer.anchor, terms, order, chosen, memo, rate)

    async def terms(self, genesis: Genesis) -> Terms:
        """The terms in force, as the sidechain's mirror has proved them."""
        mirror = await self._member.links.state(Mirror, MIRROR)
        if mirror is None:
            return genesis.terms
        return decode(Terms, mirror.terms, 100_000)
