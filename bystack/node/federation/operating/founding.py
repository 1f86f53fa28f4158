"""Founding the vault: one member sponsors the creation, every policy of the terms signs it."""

from __future__ import annotations

from bystack.federation.bridge import AskOperation
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_approvals import create_demands
from bystack.ledger.vault_operations import Create, operation_digest, vault_id
from bystack.node.federation.assembling import draft_create
from bystack.node.federation.membership import Membership
from bystack.node.federation.operating.jobs import Job
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid


class NoKey(Invalid):
    """The federation has no group key yet: run the key generation first."""


class Founding:
    """How this member drafts a creation, and has its signer sign those of others."""

    def __init__(self, member: Membership) -> None:
        self._member = member

    async def terms(self) -> Terms:
        """The vault's terms; raises `NoKey`."""
        bridge = await self._member.ensure_bridge()
        if bridge is None:
            raise NoKey()
        return self._member.setting.terms(bridge.certificate.key)

    async def job(self) -> Job:
        """A creation, drafted once and for all: the sponsor's coin names the vault."""
        terms, setting = await self.terms(), self._member.setting
        draft, vault = draft_create(self._member.purse, terms)
        operation, first = Create(terms), draft.body.inputs[0]
        wanted = create_demands(setting.main, vault, operation)
        ask = AskOperation(draft.body.actions[0], (first,), b"")
        return Job(operation, vault, wanted, lambda _: draft, first, ask=ask)

    async def asked(self, first: Outpoint) -> bytes:
        """Sign a creation that a member drafted (the signer compiles its own terms); its digest."""
        terms, member = await self.terms(), self._member
        vault = vault_id(first, 0, terms_hash(terms))
        digest = operation_digest(member.setting.main, vault, 0, Create(terms))
        bridge = await member.ensure_bridge()
        if bridge is not None and not bridge.knows(digest):
            partials, named = await member.links.signer.call("create", encode(first), 0)
            keys = member.setting.charter_keys
            own = [(keys[name], one) for name, one in sorted(named.items()) if name in keys]
            await member.signed(digest, partials, own)
        return digest
