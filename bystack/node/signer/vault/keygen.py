"""The ceremonies' methods: the signer runs them, the member's process carries their bytes.

The first key is generated from the federation's files. Every later ceremony is one that the
federation decided: the signer takes part in it for the `Change` that is proved to it and no other,
and goes over to the epoch that the state has in force (K10, K12). What it says in one is in the
audit log before it leaves.
"""

from __future__ import annotations

from typing import Any, Final

from bystack.federation.messages import KeyCertificate
from bystack.federation.module.membership import session_for
from bystack.federation.module.records import CHANGE, KEY, KEY_NEXT, Change, KeyEpoch, entry_key
from bystack.federation.policies.requests import KEYGEN, Decision, Outcome, Request
from bystack.federation.rotation import check_departed, check_shift
from bystack.federation.session import Kind, Session
from bystack.node import federation_files
from bystack.node.signer.audit_log import AuditLog
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.view import View
from bystack.primitives.codec import U32, encode
from bystack.primitives.errors import Invalid

IN_FORCE: Final = "in_force"
ERASED: Final = "erased"


class NoChange(Invalid):
    """The sidechain's state, as proved here, has no change of members or keys in flight."""


class NoKey(Invalid):
    """The sidechain has no federation's module, so no key epoch is in its state."""


class Keygen:
    """The methods of key generation."""

    def __init__(self, view: View, ceremonies: Ceremonies, audit: AuditLog) -> None:
        self._view, self._ceremonies, self._audit = view, ceremonies, audit

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.begin, self.change, self.hear, self.retry, self.give_up)
        calls.add(self.certificate, self.certified, self.coming, self.follow, self.key_epoch)

    def begin(self, attempt: U32) -> list[Any]:
        """Start, or go on with, this attempt at the first key; what to send."""
        return self._noted(self._ceremonies.begin(self._session(attempt)))

    def change(self, attempt: U32) -> list[Any]:
        """Start, or go on with, this attempt at the change in flight; what to send.

        Raises `NoChange`, `NoKey`, `AttemptCertified`, `ChangeTooLarge`, `TooManyDeparted`, and as
        `Knowledge.known`. How far a change may go is judged here once more: the sidechain's
        validators decide who sits, and no majority of theirs makes this signer deal the key's
        shares to strangers at one stroke.
        """
        return self._noted(self._ceremonies.change(self._session_of_change(attempt)))

    def hear(self, data: bytes) -> list[Any]:
        """A message of another member; what to send."""
        return self._noted(self._ceremonies.hear(data))

    def retry(self) -> list[Any]:
        """What others may have missed."""
        return self._noted(self._ceremonies.retry())

    def give_up(self) -> list[Any]:
        """The present round lasted too long; what to send."""
        return self._noted(self._ceremonies.give_up())

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
        proved, height = self._in_force(), self._view.watch.tip.header.height
        gone = self._ceremonies.follow(proved, height)
        words = f"epoch {proved.epoch}" + (f"; shares erased of epochs {gone}" if gone else "")
        if gone:
            self._note(proved.session, proved.epoch, ERASED, words)
        elif self._audit.reason_of(proved.session) not in (IN_FORCE, ERASED):
            self._note(proved.session, proved.epoch, IN_FORCE, words)
        return gone

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

    def _noted(self, sent: list[Any]) -> list[Any]:
        """The same, once the log says how far this signer went with the ceremony."""
        session = self._ceremonies.session
        if session is not None:
            kind, size = Kind(session.kind).name.lower(), session.size
            words = (
                f"{kind}, attempt {session.attempt}: {session.roster.threshold} by {size} members"
            )
            self._note(session.id, session.epoch, self._ceremonies.stands, words)
        return sent

    def _note(self, session: bytes, epoch: int, reason: str, words: str) -> None:
        request = Request(KEYGEN, session, epoch, self._audit.height)
        self._audit.note(request, Decision(Outcome.ALLOW, reason, words))

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
        key, members = self._in_force(), change.standing.roster
        check_shift(key.roster, members)
        if change.kind != Kind.FRESH:
            check_departed((key.roster, *self._ceremonies.epochs.rosters(key.key)), members)
        return session_for(self._view.main, change, key, attempt)


def _bytes(certificate: KeyCertificate | None) -> bytes | None:
    return encode(certificate) if certificate else None
