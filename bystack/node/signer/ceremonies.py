"""Key generation in the signer: it runs the ceremony, the member's process carries its bytes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bystack.federation.ceremony import Ceremony
from bystack.federation.certificates import verify_key_certificate
from bystack.federation.events import (
    Aborted,
    Broadcast,
    Deadline,
    Done,
    Event,
    Output,
    Persist,
    Received,
    Retry,
    Send,
)
from bystack.federation.messages import MESSAGE_LIMIT, KeyCertificate, decode_message
from bystack.federation.session import Session
from bystack.federation.shares import KeyShare
from bystack.node import files
from bystack.node.failpoints import failpoint
from bystack.node.signer import keys
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid

Sent = list[Any]


class NoCeremony(Invalid):
    """No key generation is under way: start it with `bystack federation keygen`."""


class KeyExists(Invalid):
    """This federation has its group key already."""


class Ceremonies:
    """The key generation of one federation, its shares and its certificate, at rest and running."""

    def __init__(self, name: str, identity: bytes, folder: str, *, cheap: bool) -> None:
        self._name, self._identity, self._cheap = name, identity, cheap
        self._state = f"{folder}/ceremony-{name}.key"
        self._certificate = f"{folder}/certificate-{name}.bin"
        self._running: Ceremony | None = None
        self.certificate: KeyCertificate | None = self._load_certificate()

    def _load_certificate(self) -> KeyCertificate | None:
        if not os.path.exists(self._certificate):
            return None
        certificate = decode(KeyCertificate, Path(self._certificate).read_bytes(), MESSAGE_LIMIT)
        verify_key_certificate(certificate)
        return certificate

    def shares(self) -> tuple[KeyShare, ...]:
        """This signer's shares of the certified key."""
        if self.certificate is None:
            raise NoCeremony(federation=self._name)
        session = self.certificate.session
        found = []
        for index in session.roster.indices:
            path = keys.share_path(self._name, session.epoch, index)
            if os.path.exists(path):
                secret = keys.load(path, keys.SHARE, cheap=self._cheap)
                found.append(KeyShare(self.certificate.key_id, index, secret))
        return tuple(found)

    def begin(self, session: Session) -> list[Sent]:
        """Start, or go on with, the key generation of this session; what to send."""
        if self.certificate is not None:
            raise KeyExists(key=self.certificate.key)
        if os.path.exists(self._state):
            data = keys.load(self._state, keys.CEREMONY, cheap=self._cheap)
            ceremony, outputs = Ceremony.resume(data, self._identity)
            if ceremony.session == session:
                return self._perform(ceremony, outputs)
        return self._perform(*Ceremony.begin(session, self._identity, secrets.token_bytes(32)))

    def hear(self, data: bytes) -> list[Sent]:
        """A message from another member."""
        return self._step(lambda: Received(decode_message(data)))

    def retry(self) -> list[Sent]:
        """Say again what others may have missed."""
        return self._step(Retry)

    def give_up(self) -> list[Sent]:
        """The present round lasted too long."""
        turn = self._running.turn if self._running else None
        return self._step(lambda: Deadline(turn)) if turn is not None else []

    def _step(self, event: Callable[[], Event]) -> list[Sent]:
        if self._running is None:
            raise NoCeremony(federation=self._name)
        return self._perform(*self._running.handle(event(), secrets.token_bytes(32)))

    def _perform(self, ceremony: Ceremony, outputs: Iterable[Output]) -> list[Sent]:
        """Do what must be durable in order; hand the rest to the member's process."""
        self._running = ceremony
        return [sent for output in outputs for sent in self._one(output)]

    def _one(self, output: Output) -> list[Sent]:
        match output:
            case Persist(state):
                failpoint("ceremony.before_persist")
                keys.save(self._state, keys.CEREMONY, encode(state), cheap=self._cheap)
                return []
            case Send(seat, message):
                return [["send", seat, encode(message)]]
            case Broadcast(message):
                return [["broadcast", encode(message)]]
            case Done(shares, certificate):
                self._keep(shares, certificate)
                return [["done", encode(certificate)]]
            case Aborted(verdicts, silent, certified):
                reasons = [[verdict.member, verdict.rule] for verdict in verdicts]
                return [["aborted", reasons, list(silent), int(certified)]]

    def _keep(self, shares: tuple[KeyShare, ...], certificate: KeyCertificate) -> None:
        """Shares first, then the certificate that makes them count."""
        for share in shares:
            path = keys.share_path(self._name, certificate.session.epoch, share.index)
            keys.save(path, keys.SHARE, share.secret, cheap=self._cheap)
        failpoint("ceremony.before_certificate")
        files.replace(self._certificate, encode(certificate))
        self.certificate = certificate
