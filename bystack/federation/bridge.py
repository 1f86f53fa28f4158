"""A member's part in signing: which messages are being signed, whose partials are in.

The bridge collects; it decides nothing. What may be signed is the signer's verdict, and any member
may combine, for the combined signature is the same bytes whoever does (federation.md, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from bystack.federation.members import MAX_WEIGHT
from bystack.federation.messages import KeyCertificate, PartialSignature
from bystack.federation.signing import (
    Blamed,
    Combination,
    Combined,
    InvalidPartial,
    PartialKeyForeign,
    PartialMessageForeign,
    check_owner,
    message_digest,
)
from bystack.ledger.transactions import Outpoint
from bystack.primitives.codec import U8, U32, U63, Bytes32, Bytes64, Wire

MAX_STASH = 256
MAX_JOBS = 64


class Partials(Wire, tag=1):
    """One member's partial signatures of one message."""

    partials: Annotated[tuple[PartialSignature, ...], Meta(min_length=1, max_length=MAX_WEIGHT)]


class AskCreate(Wire, tag=2):
    """A member asks the others to sign the vault's creation."""

    first: Outpoint
    index: U32


class AskTouch(Wire, tag=3):
    """A member asks the others to void a seq that stands still."""

    seq: U63
    tier: U8


class NamedSignature(Wire, tag=4):
    """A charter key's own signature over a creation."""

    digest: Bytes32
    key: Bytes32
    signature: Bytes64


BridgeMessage = Partials | AskCreate | AskTouch | NamedSignature


@dataclass(frozen=True)
class Signature:
    """The group's signature of a message is complete."""

    message: bytes
    signature: bytes


@dataclass(frozen=True)
class Culprit:
    """The member in a seat gave a wrong partial for an index."""

    seat: int
    index: int


Output = Signature | Culprit


@dataclass
class Bridge:
    """The messages being signed under one certified key. One task owns it."""

    certificate: KeyCertificate
    _jobs: dict[bytes, Combination] = field(default_factory=dict)
    _own: dict[bytes, tuple[PartialSignature, ...]] = field(default_factory=dict)
    _stash: dict[bytes, dict[int, PartialSignature]] = field(default_factory=dict)

    def signed(self, message: bytes, partials: Sequence[PartialSignature]) -> tuple[Output, ...]:
        """Our signer signed: the message is known, partials that came early count now."""
        key = message_digest(message)
        if key not in self._jobs and len(self._jobs) >= MAX_JOBS:
            self._drop(next(iter(self._jobs)))
        job = self._jobs.setdefault(key, Combination(self.certificate, message))
        self._own[key] = tuple(partials)
        early = self._stash.pop(key, {})
        return self._add(job, [*partials, *early.values()])

    def received(self, seat: int, message: Partials) -> tuple[Output, ...]:
        """Partials of another member, all of one message.

        Raises `InvalidPartial` for another's index, another key or several messages.
        """
        digest = message.partials[0].digest
        for partial in message.partials:
            self._check(seat, partial, digest)
        job = self._jobs.get(digest)
        if job is None:
            self._keep(message.partials)
            return ()
        return self._add(job, message.partials)

    def _check(self, seat: int, partial: PartialSignature, digest: bytes) -> None:
        check_owner(self.certificate.session.roster, seat, partial)
        if partial.key != self.certificate.key_id:
            raise PartialKeyForeign(expected=self.certificate.key_id, given=partial.key)
        if partial.digest != digest:
            raise PartialMessageForeign(index=partial.index, given=partial.digest)

    def _keep(self, partials: Sequence[PartialSignature]) -> None:
        """Early partials wait, bounded, the oldest message going first."""
        for partial in partials:
            if partial.digest not in self._stash and len(self._stash) >= MAX_STASH:
                self._stash.pop(next(iter(self._stash)))
            self._stash.setdefault(partial.digest, {})[partial.index] = partial

    def _add(self, job: Combination, partials: Sequence[PartialSignature]) -> tuple[Output, ...]:
        outputs: list[Output] = []
        roster = self.certificate.session.roster
        for partial in partials:
            try:
                found = job.add(partial)
            except InvalidPartial:
                continue
            for each in found:
                match each:
                    case Combined(signature):
                        outputs.append(Signature(job.message, signature))
                    case Blamed(index):
                        outputs.append(Culprit(roster.owner(index), index))
        return tuple(outputs)

    def signature(self, message: bytes) -> bytes | None:
        """The group's signature of a message, once complete."""
        job = self._jobs.get(message_digest(message))
        return job.signature if job else None

    def present(self, message: bytes) -> tuple[int, ...]:
        """The share indices whose partials of a message are in."""
        job = self._jobs.get(message_digest(message))
        return job.indices if job else ()

    def knows(self, message: bytes) -> bool:
        """True if our signer signed this message already."""
        return message_digest(message) in self._own

    def again(self) -> tuple[Partials, ...]:
        """Our own partials of every open message, to be said again."""
        return tuple(Partials(partials) for partials in self._own.values() if partials)

    def done(self, message: bytes) -> None:
        """Forget a message: its seq is spent."""
        self._drop(message_digest(message))

    def _drop(self, key: bytes) -> None:
        self._jobs.pop(key, None)
        self._own.pop(key, None)
