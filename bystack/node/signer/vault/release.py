"""The one way by which a signature of a share or of a charter key leaves the signer.

The decision is in the audit log, and a warrant in the journal, before any does (W06, W08).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from bystack.federation.messages import KeyCertificate
from bystack.federation.policies.requests import Request
from bystack.federation.signing import sign_partial
from bystack.federation.warrants import Warrant, serve_warrant
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.vault.deciding import Deciding
from bystack.node.signer.vault.view import View
from bystack.node.signer.votes import JournalRefused
from bystack.node.store.failpoints import failpoint
from bystack.node.store.journal import Journal, JournalError
from bystack.primitives import keys as schnorr
from bystack.primitives.codec import encode


class Release:
    """Shares and named keys, and the journal that is written before they sign.

    `named`: the node's Schnorr keys by their charter names; `records`: the journal's warrants.
    """

    def __init__(
        self,
        view: View,
        ceremonies: Ceremonies,
        deciding: Deciding,
        journal: Journal,
        records: list[Warrant],
        named: Mapping[str, bytes],
    ) -> None:
        self._view, self._ceremonies, self._deciding = view, ceremonies, deciding
        self.journal = journal
        self._records, self.named = records, dict(named)

    def names(self) -> list[str]:
        """The charter names of the keys held here."""
        return sorted(self.named)

    def bind(self) -> None:
        """Bind this key to its sidechain, for good: before the first spend of the anchor."""
        self.record(serve_warrant(self._view.watch.genesis, self._records))

    def spend(
        self, request: Request, warrant: Warrant, certificate: KeyCertificate | None = None
    ) -> list[bytes]:
        """Decide, journal the warrant of a spend, then give this signer's partial signatures.

        By the key in force, or by that of a `certificate`. Raises as `Deciding.check`,
        `ShareMissing`, `JournalRefused`.
        """
        self._deciding.check(request)
        self.bind()
        held = self._ceremonies
        shares = held.epochs.shares_of(certificate) if certificate else held.shares()
        failpoint("signer.before_warrant")
        self.record(warrant)
        failpoint("signer.after_warrant")
        partials = sign_partial(shares, warrant.digest)
        failpoint("signer.before_partials")
        return [encode(partial) for partial in partials]

    def partials(self, request: Request, warrant: Warrant) -> list[bytes]:
        """Partial signatures of what nothing later depends on: any number of drafts is signed."""
        self._deciding.check(request)
        return [encode(one) for one in sign_partial(self._ceremonies.shares(), warrant.digest)]

    def record(self, warrant: Warrant) -> None:
        """Make a line durable, once; raises `JournalRefused`."""
        if warrant in self._records:
            return
        try:
            self.journal.append(encode(warrant))
        except JournalError as error:
            raise JournalRefused(reason=str(error)) from None
        self._records.append(warrant)
        self._view.remember(warrant)

    def sign_named(self, wanted: set[bytes], digest: bytes) -> dict[str, bytes]:
        """The signatures of this node's wanted charter keys, by name: of what a warrant allows."""
        return {
            name: schnorr.sign(secret, digest, os.urandom(32))
            for name, secret in self.named.items()
            if schnorr.public_key(secret) in wanted
        }

    def public(self, name: str) -> bytes:
        """The public key of a name held here."""
        return schnorr.public_key(self.named[name])
