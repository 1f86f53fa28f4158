"""One vault operation on its way: who must sign what, what was signed, and its transaction."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bystack.federation.bridge import AskOperation
from bystack.federation.purse import Purse
from bystack.ledger.fulfilment import SignaturesInsufficient, items_for
from bystack.ledger.terms import Terms
from bystack.ledger.transactions import Approval, Items, Outpoint, PendingLock, Transaction
from bystack.ledger.vault_approvals import Demand
from bystack.ledger.vault_building import (
    NO_SPONSOR,
    OwnedCoin,
    Sponsor,
    approval,
    assemble,
    build_anchor_spend,
    build_veto,
    veto_approval,
)
from bystack.ledger.vault_operations import (
    AnchorOperation,
    Complete,
    Consolidate,
    Create,
    Operation,
    Order,
    Replace,
    Veto,
    name_of,
)
from bystack.node.federation.assembling import CHECK_WEIGHT, Anchor, Draft, by_anyone, sponsored
from bystack.primitives.codec import encode
from bystack.primitives.hashes import tagged

SIGNERS = 20

_id = tagged("vault/job")

Signed = Callable[[bytes], Mapping[bytes, bytes]]
"""The signatures that are known of a digest, by key."""


@dataclass
class Job:
    """An operation; `demands` in the order of the witness, none where anybody may do it.

    `terms`: those in force, which a spend of the anchor reveals, an adoption too that nobody signs.

    `draft` makes the body with a sponsor; `brought` are signatures by digest and key that operators
    handed in; `ask` is what other members are asked to sign. Blocks from height `ready` on may hold
    it, up to `until` (0: any). `refused`: why our own signer did not sign.
    """

    operation: Operation
    vault: bytes
    demands: tuple[Demand, ...]
    draft: Callable[[Purse], Draft]
    coin: Outpoint
    terms: Terms | None = None
    ask: AskOperation | None = None
    ready: int = 0
    until: int = 0
    brought: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    sent: bytes = b""
    sponsor: Sponsor = NO_SPONSOR
    refused: str = ""

    @property
    def name(self) -> str:
        """The operation's word."""
        return name_of(self.operation)

    @property
    def id(self) -> str:
        """What the job is called by: its operation's bytes and the coin it spends first."""
        return _id(encode(self.operation), encode(self.coin)).hex()

    @property
    def movable(self) -> bool:
        """Whether it spends whichever anchor there is: nothing that is signed names a coin."""
        return not isinstance(self.operation, Create | Order | Veto | Complete | Consolidate)

    @property
    def digests(self) -> tuple[bytes, ...]:
        """What is to be signed, each once."""
        return tuple(dict.fromkeys(demand.digest for demand in self.demands))

    def signatures(self, digest: bytes, signed: Signed) -> dict[bytes, bytes]:
        """What is known of a digest, brought or said by members."""
        brought = {key: one for (of, key), one in self.brought.items() if of == digest}
        return {**signed(digest), **brought}

    def groups(self, signed: Signed) -> tuple[Items, ...]:
        """The witness's groups of items; raises `SignaturesInsufficient`.

        Of a replacement govern's or guard's group is left empty, whichever is not needed.
        """
        made = [_items(demand, self.signatures(demand.digest, signed)) for demand in self.demands]
        if isinstance(self.operation, Replace) and made[1] and made[2]:
            made[2] = ()
        optional = {1, 2} if isinstance(self.operation, Replace) and any(made[1:3]) else set()
        for place, items in enumerate(made):
            if not items and place not in optional:
                raise SignaturesInsufficient(operation=self.name, policy=place)
        return tuple(made)

    def transaction(self, purse: Purse, main: bytes, signed: Signed) -> tuple[Draft, Transaction]:
        """The signed transaction and its draft; raises `SignaturesInsufficient`, `PurseEmpty`."""
        groups = self.groups(signed)
        draft = self.draft(purse)
        if not self.demands and self.terms is None:
            return draft, by_anyone(purse, main, draft)
        paying = purse.sign(main, draft.body, draft.coins, os.urandom(32))
        return draft, assemble(draft.body, paying, self._approval(groups))

    def _approval(self, groups: tuple[Items, ...]) -> Approval:
        if isinstance(self.operation, Veto):
            return veto_approval(self.demands[0].policy, groups[0])
        return approval(self.terms, groups)


def _items(demand: Demand, signatures: Mapping[bytes, bytes]) -> Items:
    try:
        return items_for(demand.policy, signatures)
    except SignaturesInsufficient:
        return ()


def anchor_job(
    operation: AnchorOperation,
    anchor: Anchor,
    terms: Terms,
    demands: tuple[Demand, ...],
    ask: AskOperation | None = None,
    ready: int = 0,
) -> Job:
    """A spend of the anchor that pays nobody."""
    assert not isinstance(operation, Order), "orders have a way of their own"
    build = partial(build_anchor_spend, anchor.coin, operation)
    room, extra = approval(terms, ()), SIGNERS * CHECK_WEIGHT

    def draft(purse: Purse) -> Draft:
        return sponsored(purse, [anchor.stored], build, room, extra)

    return Job(
        operation, anchor.coin.vault, demands, draft, anchor.coin.outpoint, terms, ask, ready
    )


def moved(job: Job, anchor: Anchor) -> Job:
    """A movable job over the anchor as it is now, with all that was signed."""
    operation: Any = job.operation
    assert job.terms is not None and job.movable, "only spends of the anchor follow it"
    made = anchor_job(operation, anchor, job.terms, job.demands, job.ask, job.ready)
    made.brought, made.sent, made.sponsor = job.brought, job.sent, job.sponsor
    made.refused = job.refused
    return made


def veto_job(pending: OwnedCoin, vault: bytes, demand: Demand) -> Job:
    """A veto of a coin that waits."""
    point, coin = pending
    room = veto_approval(demand.policy, ())

    def draft(purse: Purse) -> Draft:
        return sponsored(purse, [coin], partial(build_veto, pending), room, CHECK_WEIGHT)

    lock = coin.lock
    last = coin.height + lock.delay - 1 if isinstance(lock, PendingLock) else 0
    return Job(Veto(point), vault, (demand,), draft, point, until=last)


def free_job(
    operation: Complete | Consolidate,
    vault: bytes,
    coin: Outpoint,
    draft: Callable[[Purse], Draft],
    ready: int = 0,
) -> Job:
    """What anybody may do, without a signature but the sponsor's."""
    return Job(operation, vault, (), draft, coin, ready=ready)
