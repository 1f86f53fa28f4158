"""Operations about the vault's terms: decided by the federation, compiled here, then signed."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from bystack.federation.charter import parse_charter
from bystack.federation.charter_reading import CHARTER_LIMIT
from bystack.federation.messages import KeyCertificate
from bystack.federation.module.records import (
    KEY,
    KEY_NEXT,
    TERMS,
    KeyEpoch,
    TermsDecision,
    entry_key,
)
from bystack.federation.policies.requests import Request
from bystack.federation.vault_warrants import (
    Decided,
    Signing,
    TermsUndecided,
    VaultSeen,
    VaultUnproved,
    terms_signings,
)
from bystack.ledger.transactions import Action
from bystack.ledger.vault_operations import MAX_OPERATION, decode_operation
from bystack.node import federation_files
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.release import Release
from bystack.node.signer.vault.view import View
from bystack.primitives.codec import decode, encode

SHOWN = (entry_key(KEY), entry_key(KEY_NEXT), entry_key(TERMS))
"""The entries of the sidechain's state that a member shows before it asks."""

Bytes = Annotated[bytes, Meta(max_length=CHARTER_LIMIT)]


class Operations:
    """What the vault is asked to do beside paying: announce, adopt, replace, recover."""

    def __init__(self, view: View, release: Release, ceremonies: Ceremonies) -> None:
        self._view, self._release, self._ceremonies = view, release, ceremonies

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.operation, self.shown)

    def shown(self) -> list[bytes]:
        """The keys of the entries that must be shown before `operation`."""
        return list(SHOWN)

    def operation(self, action: bytes, charter: Bytes) -> list[Any]:
        """Per digest to sign: the digest, partials, (key, signature) of the named keys asked for,
        and the certificate of the partials' key if that is not the one in force.

        `charter`: the bytes of the charter that the operation's terms are compiled from.
        """
        asked = decode(Action, action, MAX_OPERATION)
        operation = decode_operation(asked.kind, asked.body)
        seen = self._seen()
        signings = terms_signings(seen, operation, self._decided(charter))
        height, seq = self._view.watch.tip.header.height, seen.state.seq
        kind = type(operation).__name__.lower()
        return [self._sign(Request(kind, one.warrant.digest, seq, height), one) for one in signings]

    def _seen(self) -> VaultSeen:
        watch = self._view.watch
        if watch.vault is None:
            raise VaultUnproved(vault=watch.genesis.vault)
        return VaultSeen(self._view.main, watch.genesis.vault, watch.terms, watch.vault)

    def _decided(self, charter: bytes) -> Decided:
        known = self._view.knowledge.known
        key = known(KeyEpoch, entry_key(KEY))
        if key is None:
            raise TermsUndecided(reason="the sidechain has no federation's module")
        return Decided(
            parse_charter(charter),
            federation_files.read_roster(federation_files.roster_path(self._view.name)),
            key.key,
            known(KeyEpoch, entry_key(KEY_NEXT)),
            known(TermsDecision, entry_key(TERMS)),
        )

    def _sign(self, request: Request, signing: Signing) -> list[Any]:
        """Partials of the key in force; of the following key where it accepts, with its proof.

        Either is of no use where the policy asks for none.
        """
        following = self._following(signing)
        partials = self._release.spend(request, signing.warrant, following)
        named = self._release.sign_named(set(signing.keys), signing.warrant.digest)
        pairs = [[self._release.public(name), one] for name, one in named.items()]
        proof = encode(following) if following else b""
        return [signing.warrant.digest, partials, pairs, proof]

    def _following(self, signing: Signing) -> KeyCertificate | None:
        """The certificate of the key that new terms bring in, if it is to sign and known here."""
        known = self._view.knowledge.known(KeyEpoch, entry_key(KEY_NEXT))
        if known is None or known.key not in signing.keys:
            return None
        return self._ceremonies.epochs.certificates.get(known.session)
