"""A member's part in signing: which messages are being signed, whose partials are in.

The bridge collects; it decides nothing. What may be signed is the signer's verdict, and any member
may combine, for the combined signature is the same bytes whoever does (federation.md, section 3).
Beside the group's shares, charter keys sign the very same digest where a tier asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from bystack.federation.charter_reading import CHARTER_LIMIT
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
from bystack.ledger.transactions import Action, Outpoint
from bystack.primitives import keys
from bystack.primitives.codec import Bytes32, Bytes64, Wire
from bystack.primitives.errors import Invalid

MAX_STASH = 256
MAX_JOBS = 64


class NamedKeyUnknown(Invalid):
    """The roster names no such charter key."""


class NamedSignatureInvalid(Invalid):
    """A charter key's signature does not verify under it."""


class Partials(Wire, tag=1):
    """One member's partial signatures of one message."""

    partials: Annotated[tuple[PartialSignature, ...], Meta(min_length=1, max_length=MAX_WEIGHT)]


class AskOperation(Wire, tag=2):
    """A member asks the others to sign a vault operation.

    `first`: of a creation, the outpoint that it spends first and that names the vault. `charter`:
    the charter's bytes where the operation brings or announces terms, for each signer compiles them
    itself and compares. `seq` and `turn` stand in the operation.
    """

    operation: Action
    first: Annotated[tuple[Outpoint, ...], Meta(max_length=1)]
    charter: Annotated[bytes, Meta(max_length=CHARTER_LIMIT)]


class NamedSignature(Wire, tag=4):
    """A charter key's own signature over the digest of a vault operation."""

    digest: Bytes32
    key: Bytes32
    signature: Bytes64


BridgeMessage = Partials | AskOperation | NamedSignature


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


def check_named(message: NamedSignature, charter: frozenset[bytes]) -> None:
    """Raise unless a key of the charter signed; `NamedKeyUnknown`, `NamedSignatureInvalid`."""
    if message.key not in charter:
        raise NamedKeyUnknown(key=message.key)
    if not keys.verify(message.key, message.digest, message.signature):
        raise NamedSignatureInvalid(key=message.key)


@dataclass
class Bridge:
    """The messages being signed under one certified key. One task owns it.

    `charter`: the roster's charter keys, whose signatures are carried too. `following`: the key
    that is certified and not in force, which signs that it is held before terms may bring it in.
    `newcomers`: the nodes of those who sit only then, numbered behind the seats in force.
    """

    certificate: KeyCertificate
    charter: frozenset[bytes] = frozenset()
    following: KeyCertificate | None = None
    newcomers: tuple[bytes, ...] = ()
    _jobs: dict[bytes, Combination] = field(default_factory=dict)
    _own: dict[bytes, tuple[PartialSignature, ...]] = field(default_factory=dict)
    _stash: dict[bytes, dict[int, PartialSignature]] = field(default_factory=dict)
    _named: dict[bytes, dict[bytes, bytes]] = field(default_factory=dict)
    _own_named: dict[bytes, tuple[NamedSignature, ...]] = field(default_factory=dict)

    def signed(self, message: bytes, partials: Sequence[PartialSignature]) -> tuple[Output, ...]:
        """Our signer signed: the message is known, partials that came early count now."""
        key = message_digest(message)
        if key not in self._jobs and len(self._jobs) >= MAX_JOBS:
            self._drop(next(iter(self._jobs)))
        certificate = self._of(partials[0].key) if partials else self.certificate
        job = self._jobs.setdefault(key, Combination(certificate, message))
        self._own[key] = tuple(partials)
        early = self._stash.pop(key, {})
        return self._add(job, [*partials, *early.values()])

    def signed_named(self, message: bytes, signatures: Mapping[bytes, bytes]) -> None:
        """Our signer's named keys signed a message that it signed with its shares too.

        A key that the roster does not name, which others would refuse, is left out.
        """
        known = sorted(pair for pair in signatures.items() if pair[0] in self.charter)
        own = tuple(NamedSignature(message, key, signature) for key, signature in known)
        for each in own:
            self.named(each)
        self._own_named[message_digest(message)] = own

    def named(self, message: NamedSignature) -> None:
        """A charter key's signature, of use only for what our own signer signed too.

        What is early is dropped: it is said again. So at most `MAX_JOBS` messages are held, each
        with one signature per charter key. Raises as `check_named`.
        """
        job = message_digest(message.digest)
        held = self._named.get(job, {})
        if job not in self._jobs or message.key in held:
            return
        check_named(message, self.charter)
        self._named.setdefault(job, {})[message.key] = message.signature

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
        roster = self._of(partial.key).session.roster
        sitting = (one.node for one in self.certificate.session.roster.members)
        node = (*sitting, *self.newcomers)[seat]
        # Who sits in both rosters may sit elsewhere in the second; who does not has no share of it.
        sender = next((at for at, one in enumerate(roster.members) if one.node == node), -1)
        check_owner(roster, sender, partial)
        if partial.digest != digest:
            raise PartialMessageForeign(index=partial.index, given=partial.digest)

    def _of(self, key: bytes) -> KeyCertificate:
        """The certificate that partials name; raises `PartialKeyForeign` (K13)."""
        for certificate in (self.certificate, self.following):
            if certificate is not None and certificate.key_id == key:
                return certificate
        raise PartialKeyForeign(expected=self.certificate.key_id, given=key)

    def _keep(self, partials: Sequence[PartialSignature]) -> None:
        """Early partials wait, bounded, the oldest message going first."""
        for partial in partials:
            if partial.digest not in self._stash and len(self._stash) >= MAX_STASH:
                self._stash.pop(next(iter(self._stash)))
            self._stash.setdefault(partial.digest, {})[partial.index] = partial

    def _add(self, job: Combination, partials: Sequence[PartialSignature]) -> tuple[Output, ...]:
        outputs: list[Output] = []
        roster = job.certificate.session.roster
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

    def signatures(self, message: bytes) -> dict[bytes, bytes]:
        """By key bytes: the group's signature, once complete, and those of charter keys."""
        digest = message_digest(message)
        job, named = self._jobs.get(digest), self._named.get(digest, {})
        if job is None or job.signature is None:
            return dict(named)
        return {**named, job.certificate.key: job.signature}

    def present(self, message: bytes) -> tuple[int, ...]:
        """The share indices whose partials of a message are in."""
        job = self._jobs.get(message_digest(message))
        return job.indices if job else ()

    def knows(self, message: bytes) -> bool:
        """True if our signer signed this message already."""
        return message_digest(message) in self._own

    def again(self) -> tuple[Partials | NamedSignature, ...]:
        """What our own signer signed of every open message, to be said again."""
        partials = (Partials(partials) for partials in self._own.values() if partials)
        named = (each for own in self._own_named.values() for each in own)
        return (*partials, *named)

    def done(self, message: bytes) -> None:
        """Forget a message: its seq is spent."""
        self._drop(message_digest(message))

    def _drop(self, key: bytes) -> None:
        self._jobs.pop(key, None)
        self._own.pop(key, None)
        self._named.pop(key, None)
        self._own_named.pop(key, None)
