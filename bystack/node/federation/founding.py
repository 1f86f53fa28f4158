"""Founding the vault: one member sponsors the creation, every policy of the terms signs it."""

from __future__ import annotations

from bystack.federation.bridge import (
    AskOperation,
    Bridge,
    NamedSignature,
    NamedSignatureInvalid,
    check_named,
)
from bystack.federation.messages import KeyCertificate
from bystack.ledger.terms import Terms, terms_hash
from bystack.ledger.transactions import Outpoint
from bystack.ledger.vault_approvals import create_demands
from bystack.ledger.vault_operations import Create, operation_digest, vault_id
from bystack.node.federation.assembling import Draft, complete, draft_create
from bystack.node.federation.membership import Membership
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

KEY, SIGNATURE = 32, 64
MAX_DRAFTS = 4


class NoKey(Invalid):
    """The federation has no group key yet: run the key generation first."""


class NothingDrafted(Invalid):
    """No creation is being signed here: build it first."""


class Founding:
    """The creation drafted here, and what this node signed of others' drafts."""

    def __init__(self, member: Membership) -> None:
        self._member = member
        self._draft: Draft | None = None
        self._sent = False
        self._signatures: dict[bytes, bytes] = {}
        self._own: dict[tuple[bytes, bytes], NamedSignature] = {}
        self._drafts: dict[int, list[bytes]] = {}
        self.vault = b""
        self.digest = b""

    async def terms(self) -> Terms:
        """The vault's terms; raises `NoKey`."""
        return self._member.setting.terms((await self.certificate()).key)

    async def certificate(self) -> KeyCertificate:
        """The group key's certificate; raises `NoKey`."""
        bridge = await self._member.ensure_bridge()
        if bridge is None:
            raise NoKey()
        return bridge.certificate

    async def build(self) -> bytes:
        """Draft the creation, ask everyone to sign; the digest to be signed by the other keys."""
        terms = await self.terms()
        self._draft, self.vault = draft_create(self._member.purse, terms)
        self._signatures, self._sent = {}, False
        self.digest = operation_digest(self._member.setting.main, self.vault, 0, Create(terms))
        self._ask()
        await self.asked(self._draft.body.inputs[0], 0, self._member.setting.seat)
        return self.digest

    def _ask(self) -> None:
        if self._draft is not None and not self._sent:
            action = self._draft.body.actions[0]
            self._member.say(AskOperation(action, (self._draft.body.inputs[0],), b""))

    async def asked(self, first: Outpoint, index: int, seat: int) -> None:
        """Sign a creation that a member drafted (the signer compiles its own terms)."""
        terms = await self.terms()
        vault = vault_id(first, index, terms_hash(terms))
        digest = operation_digest(self._member.setting.main, vault, 0, Create(terms))
        bridge = await self._member.ensure_bridge()
        if bridge is None or bridge.knows(digest):
            return
        partials, named = await self._member.links.signer.call("create", encode(first), index)
        self._make_room(bridge, seat, digest)
        await self._member.signed(digest, partials)
        for name, signature in sorted(named.items()):
            key = bytes.fromhex(self._member.setting.file.keys.get(name, ""))
            if len(key) == KEY:
                self._keep(NamedSignature(digest, key, signature))
        self._say_own()

    def _make_room(self, bridge: Bridge, seat: int, digest: bytes) -> None:
        """A member's newest drafts push out its own older ones, never another's."""
        drafts = self._drafts.setdefault(seat, [])
        drafts.append(digest)
        while len(drafts) > MAX_DRAFTS:
            old = drafts.pop(0)
            bridge.done(old)
            self._own = {at: own for at, own in self._own.items() if at[0] != old}

    def _keep(self, own: NamedSignature) -> None:
        """Remember a signature of ours to say it again."""
        self._own[own.digest, own.key] = own
        self.named(own)

    def again(self) -> None:
        """Ask again and say our named signatures again; they are few."""
        self._ask()
        self._say_own()

    def over(self, bridge: Bridge) -> None:
        """The vault is founded: no draft of it is said again."""
        for digest in (digest for drafts in self._drafts.values() for digest in drafts):
            bridge.done(digest)
        self._drafts.clear()
        self._own.clear()

    def _say_own(self) -> None:
        for own in self._own.values():
            self._member.say(own)

    def named(self, message: NamedSignature) -> None:
        """A charter key's signature over the creation drafted here; raises as `check_named`."""
        if message.digest != self.digest:
            return
        check_named(message, frozenset(self._member.setting.charter_keys.values()))
        self._signatures[message.key] = message.signature

    def add(self, key: bytes, signature: bytes) -> None:
        """A signature an operator brings (guards, recovery); raises what is wrong with it."""
        if self._draft is None:
            raise NothingDrafted()
        if len(signature) != SIGNATURE:
            raise NamedSignatureInvalid(key=key)
        self.named(NamedSignature(self.digest, key, signature))

    async def submit(self) -> tuple[bytes, bytes]:
        """Complete and send the creation: transaction id and vault id.

        Raises `NothingDrafted`, `SignaturesInsufficient`, or the main chain's refusal.
        """
        bridge = await self._member.ensure_bridge()
        if self._draft is None or bridge is None:
            raise NothingDrafted()
        terms, main = await self.terms(), self._member.setting.main
        group = bridge.signature(self.digest)
        if group is not None:
            self._signatures[bridge.certificate.key] = group
        demanded = create_demands(main, self.vault, Create(terms))
        tx = complete(self._member.purse, main, self._draft, None, demanded, self._signatures)
        txid = await self._member.links.main.call("submit", encode(tx))
        bridge.done(self.digest)
        self._sent = True
        self._own.clear()
        return txid, self.vault
