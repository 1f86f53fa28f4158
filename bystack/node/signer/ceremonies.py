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
from bystack.federation.identity import identity_public
from bystack.federation.messages import MESSAGE_LIMIT, KeyCertificate, decode_message
from bystack.federation.session import Session
from bystack.federation.shares import KeyShare
from bystack.node.signer import keys
from bystack.node.store import files
from bystack.node.store.failpoints import failpoint
from bystack.primitives.codec import decode, encode
from bystack.primitives.errors import Invalid

Sent = list[Any]


class NoCeremony(Invalid):
    """No key generation is under way: start it with `bystack federation keygen`."""


class KeyExists(Invalid):
    """This federation has its group key already."""


class ShareMissing(Invalid):
    """A share of this member lies not in its key files: restore it from the backup."""


class Ceremonies:
    """The key generation of one federation, its shares and its certificate, at rest and running.

    Each session has a file of its own, so that no session is ever dealt twice, in whatever order
    attempts are made. The newest goes on by itself when the process starts again.
    """

    def __init__(self, name: str, identity: bytes, folder: str, *, cheap: bool) -> None:
        self._name, self._identity, self._cheap = name, identity, cheap
        self._folder = folder
        self._certificate = f"{folder}/certificate-{name}.bin"
        self._running: Ceremony | None = None
        self.certificate: KeyCertificate | None = self._load_certificate()
        self._go_on()

    def _load_certificate(self) -> KeyCertificate | None:
        if not os.path.exists(self._certificate):
            return None
        certificate = decode(KeyCertificate, Path(self._certificate).read_bytes(), MESSAGE_LIMIT)
        verify_key_certificate(certificate)
        return certificate

    def _state_of(self, session: Session) -> str:
        return f"{self._folder}/ceremony-{self._name}-{session.id.hex()[:16]}.key"

    def _go_on(self) -> None:
        """Take up the certified session, or else the newest; what to send, `retry` says again."""
        if self.certificate is not None:
            paths = [self._state_of(self.certificate.session)]
        else:
            found = Path(self._folder).glob(f"ceremony-{self._name}-{'[0-9a-f]' * 16}.key")
            paths = sorted(map(str, found), key=os.path.getmtime)
        if paths and os.path.exists(paths[-1]):
            self._resume(paths[-1])

    def _resume(self, path: str) -> list[Sent]:
        data = keys.load(path, keys.CEREMONY, cheap=self._cheap)
        return self._perform(*Ceremony.resume(data, self._identity))

    @property
    def attempt(self) -> int | None:
        """The number of the attempt that is under way; None when there is none."""
        running = self._running
        return running.session.attempt if running and running.turn is not None else None

    def shares(self) -> tuple[KeyShare, ...]:
        """This signer's shares of the certified key; raises `NoCeremony`, `ShareMissing`."""
        if self.certificate is None:
            raise NoCeremony(federation=self._name)
        roster = self.certificate.session.roster
        member = roster.members[roster.position(identity_public(self._identity))]
        return tuple(self._share(self.certificate, index) for index in member.indices)

    def _share(self, certificate: KeyCertificate, index: int) -> KeyShare:
        path = keys.share_path(self._name, certificate.session.epoch, index)
        if not os.path.exists(path):
            raise ShareMissing(index=index)
        return KeyShare(certificate.key_id, index, keys.load(path, keys.SHARE, cheap=self._cheap))

    def begin(self, session: Session) -> list[Sent]:
        """Start, or go on with, the key generation of this session; what to send."""
        if self.certificate is not None:
            raise KeyExists(key=self.certificate.key)
        path = self._state_of(session)
        if os.path.exists(path):
            return self._resume(path)
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
        """Do what must be durable in order; hand the rest to the member's process.

        Should the disk refuse, nothing runs any more: what was not durable must not be said later.
        """
        self._running = None
        sent = [each for output in outputs for each in self._one(output)]
        self._running = ceremony
        return sent

    def _one(self, output: Output) -> list[Sent]:
        match output:
            case Persist(state):
                failpoint("ceremony.before_persist")
                path = self._state_of(state.step.session)
                keys.save(path, keys.CEREMONY, encode(state), cheap=self._cheap)
                failpoint("ceremony.after_persist")
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
        """Shares first, then the certificate that makes them count; once."""
        if self.certificate is not None:
            return
        for share in shares:
            path = keys.share_path(self._name, certificate.session.epoch, share.index)
            keys.save(path, keys.SHARE, share.secret, cheap=self._cheap)
        failpoint("ceremony.before_certificate")
        files.replace(self._certificate, encode(certificate))
        self.certificate = certificate
