"""Spends of the vault's anchor, and its creation: judged, journalled, signed (W04, W06, W08)."""

from __future__ import annotations

from typing import Any

from bystack.federation.policies.requests import (
    CREATE,
    ORDER,
    TOUCH,
    Payout,
    Request,
    payouts_of,
)
from bystack.federation.warrants import (
    OrderRequest,
    RequestPaid,
    RequestSigned,
    SeqSigned,
    Warrant,
    create_warrant,
)
from bystack.ledger.terms import keys_of, policies_of
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_operations import Order, operation_digest
from bystack.ledger.vault_state import tier_of
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.deciding import Deciding
from bystack.node.signer.vault.release import Release
from bystack.node.signer.vault.view import View
from bystack.primitives.codec import U8, U32, U63, decode

MAX_REQUEST = 3_000_000


class Orders:
    """What the vault is asked to do. `records`: the journal's warrants."""

    def __init__(
        self, view: View, deciding: Deciding, release: Release, records: list[Warrant]
    ) -> None:
        self._view, self._deciding, self._release = view, deciding, release
        self._records = records

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.order, self.touch, self.create)

    def order(self, request: bytes) -> list[Any]:
        """Sign a recorded order; what its headers show is durable first, whatever it is."""
        judge, asked = self._view.judge, decode(OrderRequest, request, MAX_REQUEST)
        record = asked.record
        try:
            warrant = judge.order(asked)
        except (SeqSigned, RequestSigned, RequestPaid) as error:
            # What was recorded is proved: who has it signed twice is worth a line.
            order = Order(record.seq, record.tier, record.outputs)
            digest = operation_digest(self._view.main, record.vault, record.seq, order)
            self._deciding.refused(self._asked(ORDER, digest, record.seq), error)
            raise
        finally:
            self._view.followed.keep()
        payouts = payouts_of(record.outputs)
        return self._spend(
            self._asked(ORDER, warrant.digest, record.seq, payouts), warrant, record.tier
        )

    def touch(self, seq: U63, tier: U8) -> list[Any]:
        """Void a seq that stood still."""
        warrant = self._view.judge.touch(seq, tier)
        return self._spend(self._asked(TOUCH, warrant.digest, seq), warrant, tier)

    def _asked(
        self, kind: str, digest: bytes, seq: int, payouts: tuple[Payout, ...] = ()
    ) -> Request:
        return Request(kind, digest, seq, self._view.watch.tip.header.height, payouts)

    def _spend(self, request: Request, warrant: Warrant, tier: int) -> list[Any]:
        """Partials for a spend of the anchor, and (key, signature) of the named keys of its tier.

        The first spend binds this key to its sidechain. Raises `TierUnknown` for a tier that the
        terms in force, as proved to this signer, do not have.
        """
        policy = tier_of(self._view.watch.terms, tier).policy
        partials = self._release.spend(request, warrant)
        named = self._release.sign_named(set(keys_of(policy)), warrant.digest)
        return [partials, [[self._release.public(name), one] for name, one in named.items()]]

    def create(self, first: bytes, index: U32) -> list[Any]:
        """Partials for the creation, and signatures of the named keys the terms ask for."""
        terms, outpoint = self._view.terms(), decode(Outpoint, first, 100)
        warrant = create_warrant(self._view.main, terms, outpoint, index, self._records)
        # Nothing later depends on which drafts were signed, and any member may ask for many.
        partials = self._release.partials(Request(CREATE, warrant.digest, 0, 0), warrant)
        wanted = {key for policy in policies_of(terms) for key in keys_of(policy)}
        return [partials, self._release.sign_named(wanted, warrant.digest)]
