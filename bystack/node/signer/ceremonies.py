"""Key ceremonies in the signer: it runs them, the member's process carries their bytes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bystack.federation.ceremony import Ceremony
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
from bystack.federation.messages import KeyCertificate, decode_message
from bystack.federation.module.records import KeyEpoch
from bystack.federation.session import Kind, Session
from bystack.federation.shares import KeyShare
from bystack.federation.states import CeremonyState, Certified, Ended, Finished, decode_state
from bystack.node.signer import keys
from bystack.node.signer.epochs import Epochs, NoCeremony
from bystack.node.store import files
from bystack.node.store.failpoints import failpoint
from bystack.primitives.codec import encode
from bystack.primitives.errors import Invalid

Sent = list[Any]


class KeyExists(Invalid):
    """This federation has its group key already."""


class AttemptCertified(Invalid):
    """This member has certified an earlier attempt, which may still make the key: it waits."""


def point(state: CeremonyState) -> str:
    """The failpoint behind this state's durability: `ceremony.refresh_dealt`, `ceremony.first_…`
    where the first key is made, `ceremony.fresh_…` where another one is."""
    session, step = state.step.session, type(state.step).__name__.lower()
    kind = Kind(session.kind).name.lower() if session.epoch else "first"
    return f"ceremony.{kind}_{step}"


class Ceremonies:
    """The key ceremonies of one federation, at rest and running, and what they made (`epochs`).

    Each session has a file of its own, so that no session is ever dealt twice, in whatever order
    attempts are made. The newest goes on by itself when the process starts again.
    """

    def __init__(self, name: str, identity: bytes, folder: str, *, cheap: bool) -> None:
        self._name, self._identity, self._cheap = name, identity, cheap
        self._folder = folder
        self._running: Ceremony | None = None
        self.epochs = Epochs(name, identity_public(identity), folder, cheap=cheap)
        self._go_on()

    @property
    def certificate(self) -> KeyCertificate | None:
        """The certificate of the epoch in force, if it is here."""
        return self.epochs.certificate

    def shares(self) -> tuple[KeyShare, ...]:
        """This signer's shares of the epoch in force; raises as `Epochs.shares`."""
        return self.epochs.shares()

    def _state_of(self, session: Session) -> str:
        number = keys.numbered(session.epoch, session.attempt)
        return f"{self._folder}/ceremony-{self._name}-epoch-{number}-{session.id.hex()[:16]}.key"

    def _states(self, epoch: int | str = "*") -> list[str]:
        """The files of the ceremonies of an epoch, or of all, the newest last."""
        id = "[0-9a-f]" * 16
        names = (f"{epoch}-{id}", f"{epoch}.*-{id}")
        found = [
            str(path)
            for name in names
            for path in Path(self._folder).glob(f"ceremony-{self._name}-epoch-{name}.key")
        ]
        return sorted(set(found), key=os.path.getmtime)

    def _go_on(self) -> None:
        """Take up the newest ceremony; what to send, `retry` says again."""
        if paths := self._states():
            self._resume(paths[-1])

    def _resume(self, path: str) -> list[Sent]:
        data = keys.load(path, keys.CEREMONY, cheap=self._cheap)
        held = self.epochs.held(decode_state(data).step.session)
        return self._perform(*Ceremony.resume(data, self._identity, held))

    @property
    def session(self) -> Session | None:
        """The session of the ceremony that is under way or was the last; None: there was none."""
        return self._running.session if self._running else None

    @property
    def stands(self) -> str:
        """How far that ceremony is here: `taking_part`, `certified`, `finished`, `ended`; or ""."""
        match self._running.state.step if self._running else None:
            case None:
                return ""
            case Certified():
                return "certified"
            case Finished():
                return "finished"
            case Ended():
                return "ended"
            case _:
                return "taking_part"

    @property
    def attempt(self) -> int | None:
        """The number of the attempt that is under way; None when there is none."""
        running = self._running
        return running.session.attempt if running and running.turn is not None else None

    def begin(self, session: Session) -> list[Sent]:
        """Start, or go on with, the generation of the first key; what to send."""
        if self.epochs.certificate is not None or self.epochs.proved is not None:
            raise KeyExists(epoch=self.epochs.number)
        return self._take_part(session)

    def change(self, session: Session) -> list[Sent]:
        """Start, or go on with, the ceremony of a change that the federation decided.

        The caller has it proved. Raises `AttemptCertified`, and what `Ceremony.begin` raises.
        """
        running = self._running
        if running is not None and isinstance(running.state.step, Certified):
            own = running.session
            if own.epoch == session.epoch and own.attempt < session.attempt:
                raise AttemptCertified(attempt=own.attempt)
        return self._take_part(session)

    def _take_part(self, session: Session) -> list[Sent]:
        path = self._state_of(session)
        if os.path.exists(path):
            return self._resume(path)
        held = self.epochs.held(session)
        dice = secrets.token_bytes(32)
        return self._perform(*Ceremony.begin(session, self._identity, dice, held))

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
                failpoint(point(state))
                return []
            case Send(seat, message):
                return [["send", seat, encode(message)]]
            case Broadcast(message):
                return [["broadcast", encode(message)]]
            case Done(shares, certificate):
                self.epochs.keep(shares, certificate)
                return [["done", encode(certificate)]]
            case Aborted(verdicts, silent, certified):
                reasons = [[verdict.member, verdict.rule] for verdict in verdicts]
                return [["aborted", reasons, list(silent), int(certified)]]

    def follow(self, proved: KeyEpoch, height: int) -> list[int]:
        """Put the proved epoch in force, erase what is outdated at this main-chain height.

        The epochs erased. Raises `EpochOlder`.
        """
        self.epochs.enforce(proved)
        gone = [each for each in self.epochs.outdated(height) if self._erase(each)]
        return [each.epoch for each in gone]

    def _erase(self, session: Session) -> bool:
        """Shares, and the states that hold them or what they are made of."""
        shares = self.epochs.erase(session)
        states = [path for path in self._states(session.epoch) if path != self._current()]
        for path in states:
            failpoint("ceremony.before_erase")
            os.unlink(path)
        if states:
            files.sync_folder(self._folder)
        return shares or bool(states)

    def _current(self) -> str | None:
        """The state of the epoch in force stays: it answers those who are late."""
        certificate = self.epochs.certificate
        return self._state_of(certificate.session) if certificate else None
