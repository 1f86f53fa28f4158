"""The ceremonies' methods: the signer runs them, the member's process carries their bytes.

The first key is generated from the federation's files. Every later ceremony is one that the
federation decided: the signer takes part in it for the `Change` that is proved to it and no other,
and goes over to the epoch that the state has in force (K10, K12).
"""

from __future__ import annotations

from typing import Any

from bystack.federation.messages import KeyCertificate
from bystack.federation.module.membership import session_for
from bystack.federation.module.records import CHANGE, KEY, KEY_NEXT, Change, KeyEpoch, entry_key
from bystack.federation.session import Session
from bystack.node import federation_files
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.view import View
from bystack.primitives.codec import U32, encode
from bystack.primitives.errors import Invalid


class NoChange(Invalid):
    """The sidechain's state, as proved here, has no change of members or keys in flight."""


class NoKey(Invalid):
    """The sidechain has no federation's module, so no key epoch is in its state."""


class Keygen:
    """The methods of key generation."""

    def __init__(self, view: View, ceremonies: Ceremonies) -> None:
        self._view, self._ceremonies = view, ceremonies

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.begin, self.change, self.hear, self.retry, self.give_up)
        calls.add(self.certificate, self.certified, self.coming, self.follow, self.key_epoch)

    def begin(self, attempt: U32) -> list[Any]:
        """Start, or go on with, this attempt at the first key; what to send."""
        return self._ceremonies.begin(self._session(attempt))

    def change(self, attempt: U32) -> list[Any]:
        """Start, or go on with, this attempt at the change in flight; what to send.

        Raises `NoChange`, `NoKey`, `AttemptCertified`, and as `Knowledge.known`.
        """
        return self._ceremonies.change(self._session_of_change(attempt))

    def hear(self, data: bytes) -> list[Any]:
        """A message of another member; what to send."""
        return self._ceremonies.hear(data)

    def retry(self) -> list[Any]:
        """What others may have missed."""
        return self._ceremonies.retry()

    def give_up(self) -> list[Any]:
        """The present round lasted too long; what to send."""
        return self._ceremonies.give_up()

    def certificate(self) -> bytes | None:
        """The certificate of the key epoch in force, if it is here."""
        return _bytes(self._ceremonies.certificate)

    def coming(self) -> bytes | None:
        """The certificate of a new key that the vault's terms do not carry yet, if it is here."""
        coming = self._view.knowledge.known(KeyEpoch, entry_key(KEY_NEXT))
        certificates = self._ceremonies.epochs.certificates
        return _bytes(certificates.get(coming.session)) if coming else None

    def certified(self, epoch: U32) -> bytes | None:
        """The certificate of an epoch, in force or not, if it is here."""
        known = self._ceremonies.epochs.certificates.values()
        return _bytes(next((one for one in known if one.session.epoch == epoch), None))

    def follow(self) -> list[int]:
        """Go over to the key epoch that the state has in force; the epochs erased.

        Raises `NoKey`, `EpochOlder`, and as `Knowledge.known`.
        """
        return self._ceremonies.follow(self._in_force(), self._view.watch.tip.header.height)

    def key_epoch(self) -> dict[str, Any]:
        """Which epoch counts here, and which ceremony is under way."""
        epochs, session = self._ceremonies.epochs, self._ceremonies.session
        return {
            "epoch": epochs.number,
            "session": epochs.proved.session if epochs.proved else b"",
            "seated": epochs.seated,
            "held": sorted(one.session.epoch for one in epochs.certificates.values()),
            "ceremony": [session.epoch, session.attempt, session.kind] if session else [],
            "running": self._ceremonies.attempt is not None,
        }

    def _in_force(self) -> KeyEpoch:
        found = self._view.knowledge.known(KeyEpoch, entry_key(KEY))
        if found is None:
            raise NoKey()
        return found

    def _session(self, attempt: int) -> Session:
        name = self._view.name
        charter = federation_files.read_charter(federation_files.charter_path(name))
        roster = federation_files.read_roster(federation_files.roster_path(name))
        return federation_files.session_of(self._view.main, charter, roster, attempt)

    def _session_of_change(self, attempt: int) -> Session:
        change = self._view.knowledge.known(Change, entry_key(CHANGE))
        if change is None:
            raise NoChange()
        return session_for(self._view.main, change, self._in_force(), attempt)


def _bytes(certificate: KeyCertificate | None) -> bytes | None:
    return encode(certificate) if certificate else None
