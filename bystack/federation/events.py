"""What the ceremony hears and what it asks of whoever runs it, in order."""

from __future__ import annotations

from dataclasses import dataclass

from bystack.federation.blame import Verdict
from bystack.federation.messages import KeyCertificate, Message
from bystack.federation.shares import KeyShare
from bystack.federation.states import CeremonyState


@dataclass(frozen=True)
class Received:
    """A message came in, from whomever."""

    message: Message


@dataclass(frozen=True)
class Retry:
    """Time to say again what others may have missed."""


@dataclass(frozen=True)
class Deadline:
    """Round `turn` has lasted too long; nothing if the round is over."""

    turn: int


Event = Received | Retry | Deadline


@dataclass(frozen=True)
class Persist:
    """Make the state durable before the next output."""

    state: CeremonyState


@dataclass(frozen=True)
class Send:
    """To the member in one seat."""

    seat: int
    message: Message


@dataclass(frozen=True)
class Broadcast:
    """To every member."""

    message: Message


@dataclass(frozen=True)
class Done:
    """The key exists; the shares do not print."""

    shares: tuple[KeyShare, ...]
    certificate: KeyCertificate


@dataclass(frozen=True)
class Aborted:
    """The attempt makes no key here: who is proved guilty, and who was not heard (no proof).

    `certified`: this member had certified, so it keeps its shares and turns to `Done` should the
    certificate arrive after all.
    """

    verdicts: tuple[Verdict, ...]
    silent: tuple[int, ...]
    certified: bool


Output = Persist | Send | Broadcast | Done | Aborted
