"""Threshold signatures: one round, no nonces; a bad partial is found, named and left out.

A partial is an ordinary BLS signature under its share's public key, and `threshold` of them give
the ordinary signature under the group key, the same bytes whichever are taken (Boldyreva 2003).
Combination is lazy: it verifies the combined signature once and looks for culprits only if that
fails (`attacks.md` W11). It ends, since every failed attempt removes at least one index for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bystack.federation.members import Roster
from bystack.federation.messages import KeyCertificate, PartialSignature
from bystack.federation.shares import KeyShare
from bystack.primitives import bls
from bystack.primitives.curve import evaluate_commitments
from bystack.primitives.errors import Invalid, Misuse
from bystack.primitives.hashes import tagged


class InvalidPartial(Invalid):
    """The partial signature cannot enter this combination."""


class PartialKeyForeign(InvalidPartial):
    """The partial belongs to another key or key epoch."""


class PartialMessageForeign(InvalidPartial):
    """The partial signs another message."""


class PartialIndexUnknown(InvalidPartial):
    """No member of the key's roster holds this share index."""


class PartialIndexStolen(InvalidPartial):
    """The sender does not hold the share index it signs for."""


class PartialExcluded(InvalidPartial):
    """This share index sent a wrong partial before and is left out."""


@dataclass(frozen=True)
class Combined:
    """The group's signature, 96 bytes, verified under the group key."""

    signature: bytes


@dataclass(frozen=True)
class Blamed:
    """A share index whose partial was wrong; its owner is named by the roster."""

    index: int


SigningOutput = Combined | Blamed


def message_digest(message: bytes) -> bytes:
    """What partial signatures name the signed message by."""
    return tagged("partial")(message)


def sign_partial(shares: Sequence[KeyShare], message: bytes) -> tuple[PartialSignature, ...]:
    """One partial signature of `message` for each share; a repetition gives the same bytes."""
    digest = message_digest(message)
    return tuple(
        PartialSignature(share.key, digest, share.index, bls.sign(share.secret, message))
        for share in shares
    )


def check_owner(roster: Roster, sender: int, partial: PartialSignature) -> None:
    """Raise unless the member in seat `sender` holds the partial's index.

    Whoever hands partials on from the network asks this first: blame falls on an index, so
    nobody may speak for another's.
    """
    if partial.index not in roster.indices:
        raise PartialIndexUnknown(index=partial.index)
    if roster.owner(partial.index) != sender:
        raise PartialIndexStolen(index=partial.index, sender=sender)


@dataclass
class Combination:
    """Collects partials of one message under one certified key until they combine.

    One task owns it. `add` returns what became known: culprits, then at most once the signature.
    """

    certificate: KeyCertificate
    message: bytes
    signature: bytes | None = None
    _waiting: dict[int, bytes] = field(default_factory=dict)
    _proved: dict[int, bytes] = field(default_factory=dict)
    _excluded: set[int] = field(default_factory=set)

    @property
    def threshold(self) -> int:
        """How many distinct valid partials combine."""
        return self.certificate.session.roster.threshold

    @property
    def blamed(self) -> tuple[int, ...]:
        """The indices left out, ascending."""
        return tuple(sorted(self._excluded))

    @property
    def indices(self) -> tuple[int, ...]:
        """The indices whose partials are held and not known to be wrong, ascending."""
        return tuple(sorted({*self._waiting, *self._proved}))

    def add(self, partial: PartialSignature) -> tuple[SigningOutput, ...]:
        """Take one partial; raises `InvalidPartial` (and changes nothing) for one of another
        key, message or index, or of an excluded index. A repetition, or a partial after the
        signature is known, does nothing."""
        self._check(partial)
        if self.signature is not None:
            return ()
        return tuple(self._take(partial.index, partial.signature))

    def _check(self, partial: PartialSignature) -> None:
        if partial.key != self.certificate.key_id:
            raise PartialKeyForeign(expected=self.certificate.key_id, given=partial.key)
        if partial.digest != message_digest(self.message):
            raise PartialMessageForeign(index=partial.index, given=partial.digest)
        if partial.index not in self.certificate.session.roster.indices:
            raise PartialIndexUnknown(index=partial.index)
        if partial.index in self._excluded:
            raise PartialExcluded(index=partial.index)

    def _take(self, index: int, signature: bytes) -> list[SigningOutput]:
        held = self._proved.get(index) or self._waiting.get(index)
        if held == signature:
            return []
        # BLS is deterministic: one of two different partials is wrong, whichever is the other.
        if held is not None or not bls.signature_validate(signature):
            return [self._exclude(index)]
        self._waiting[index] = signature
        return self._combine()

    def _exclude(self, index: int) -> Blamed:
        self._waiting.pop(index, None)
        self._proved.pop(index, None)
        self._excluded.add(index)
        return Blamed(index)

    def _combine(self) -> list[SigningOutput]:
        outputs: list[SigningOutput] = []
        while len(self.indices) >= self.threshold:
            chosen = self._choose()
            signature = bls.combine(chosen)
            if bls.verify(self.certificate.key, self.message, signature):
                self.signature = signature
                return [*outputs, Combined(signature)]
            outputs += [self._exclude(index) for index in self._search(chosen)]
        return outputs

    def _choose(self) -> dict[int, bytes]:
        """`threshold` partials: those known to be right, then the lowest indices."""
        ordered = sorted(self._proved.items()) + sorted(self._waiting.items())
        return dict(ordered[: self.threshold])

    def _search(self, chosen: dict[int, bytes]) -> list[int]:
        """The wrong ones among `chosen`, at least one; the right ones are remembered."""
        wrong = self._bisect([index for index in sorted(chosen) if index in self._waiting])
        if not wrong:
            raise Misuse("right partials that do not combine: the key's polynomial is not its own")
        return wrong

    def _bisect(self, indices: list[int]) -> list[int]:
        if not indices:
            return []
        if self._all_right(indices):
            self._proved |= {index: self._waiting.pop(index) for index in indices}
            return []
        if len(indices) == 1:
            return indices
        middle = len(indices) // 2
        return self._bisect(indices[:middle]) + self._bisect(indices[middle:])

    def _all_right(self, indices: list[int]) -> bool:
        polynomial = self.certificate.polynomial
        keys = [evaluate_commitments(polynomial, index) for index in indices]
        signatures = [self._waiting[index] for index in indices]
        return bls.batch_verify(keys, [self.message] * len(indices), signatures)
