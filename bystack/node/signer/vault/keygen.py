"""The ceremonies' methods: the signer runs them, the member's process carries their bytes."""

from __future__ import annotations

from typing import Any

from bystack.federation.session import Session
from bystack.node import federation_files
from bystack.node.signer.ceremonies import Ceremonies
from bystack.node.signer.vault.calls import Calls
from bystack.node.signer.vault.view import View
from bystack.primitives.codec import U32, encode


class Keygen:
    """The methods of key generation."""

    def __init__(self, view: View, ceremonies: Ceremonies) -> None:
        self._view, self._ceremonies = view, ceremonies

    def add_to(self, calls: Calls) -> None:
        """Add the methods of this room."""
        calls.add(self.begin, self.hear, self.retry, self.give_up, self.certificate)

    def begin(self, attempt: U32) -> list[Any]:
        """Start, or go on with, this attempt; what to send."""
        return self._ceremonies.begin(self._session(attempt))

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
        """The certificate of the key in force, once there is one."""
        certificate = self._ceremonies.certificate
        return encode(certificate) if certificate else None

    def _session(self, attempt: int) -> Session:
        name = self._view.name
        charter = federation_files.read_charter(federation_files.charter_path(name))
        roster = federation_files.read_roster(federation_files.roster_path(name))
        return federation_files.session_of(self._view.main, charter, roster, attempt)
