"""A light client of a sidechain: from its genesis to today with one header per epoch.

It believes the genesis (whose hash is the chain's id) and then only certificates: a final header
of an epoch names the next epoch's validators, so their set is known before they sign. It keeps
what it verified lately, and two final headers that cannot both be of one chain freeze it: whose
word counts is then no longer known (bbft.md, section 9; W02).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from msgspec import Meta

from bystack.primitives.codec import Bytes32, Wire
from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.statements import Certificate
from bystack.sidechain.consensus.validators import MAX_VALIDATORS, Validator, ValidatorSet

KEPT_SETS = 4
KEPT_HEADERS = 32
MAX_ABOVE = MAX_VALIDATORS


class EpochOrder(Invalid):
    """The proof is not of the epoch that is followed now."""


class EpochNext(Invalid):
    """The header does not name this validator set as the next epoch's."""


class EpochUnknown(Invalid):
    """The header is of an epoch whose validators are not known here: not yet, or no longer."""


class ClientFrozen(Invalid):
    """Two final headers contradict each other: what this chain says is believed no more."""


class Certified(Wire):
    """A header and the certificate of it."""

    header: Header
    certificate: Certificate


class FinalHeader(Wire):
    """A header and why it is final: its certificate, and where finality is a matter of depth the
    headers `above` it, ascending without gaps.
    """

    header: Header
    certificate: Certificate
    above: Annotated[tuple[Certified, ...], Meta(max_length=MAX_ABOVE)]

    @property
    def line(self) -> tuple[Certified, ...]:
        """The header and those above it."""
        return (Certified(self.header, self.certificate), *self.above)


class EpochProof(Wire):
    """Who votes in the next epoch: a final header of the epoch before, and the set it names next.

    No validators: the same ones go on, in the next epoch's name.
    """

    final: FinalHeader
    validators: Annotated[tuple[Validator, ...], Meta(max_length=MAX_VALIDATORS)]


class Conflict(Wire):
    """Two final headers of one height, or one and a next that does not stand on it."""

    first: FinalHeader
    second: FinalHeader


class Followed(Wire):
    """What a light client keeps: the last epochs' sets, ascending; headers verified lately, in
    the order they came, the highest among them; what froze it.
    """

    chain: Bytes32
    sets: Annotated[tuple[ValidatorSet, ...], Meta(min_length=1, max_length=KEPT_SETS)]
    seen: Annotated[tuple[FinalHeader, ...], Meta(max_length=KEPT_HEADERS)]
    conflict: Annotated[tuple[Conflict, ...], Meta(max_length=1)]


class Verifier(Protocol):
    """The engine's judge of finality (`verifier`)."""

    def check_final(
        self, line: Sequence[Certified], validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise why the first header of `line` is not final, the others standing on it."""
        ...


def begin(chain_id: bytes, validators: ValidatorSet) -> Followed:
    """What is known at first: the genesis' id and its validators."""
    return Followed(chain_id, (validators,), (), ())


class LightClient:
    """Follows a chain by proofs alone. `followed` is all there is to keep; one task owns it."""

    def __init__(self, followed: Followed, verifier: Verifier) -> None:
        self.followed, self._verifier = followed, verifier

    @property
    def validators(self) -> ValidatorSet:
        """The set of the newest epoch known."""
        return self.followed.sets[-1]

    @property
    def epoch(self) -> int:
        """The newest epoch whose validators are known."""
        return self.validators.epoch

    @property
    def frozen(self) -> bool:
        """Two final headers contradict each other."""
        return bool(self.followed.conflict)

    def set_of(self, epoch: int) -> ValidatorSet:
        """An epoch's validators; raises `EpochUnknown`."""
        for one in self.followed.sets:
            if one.epoch == epoch:
                return one
        known = [one.epoch for one in self.followed.sets]
        raise EpochUnknown(epoch=epoch, known=str(known))

    def advance(self, proof: EpochProof) -> None:
        """Learn the next epoch's validators.

        Raises `EpochOrder`, `EpochNext`, `ClientFrozen` and what `verify` raises; then nothing
        has changed (but that it is frozen, where the proof contradicts what was verified).
        """
        header, current = proof.final.header, self.validators
        if header.epoch != current.epoch:
            raise EpochOrder(epoch=header.epoch, expected=current.epoch)
        following = ValidatorSet(current.epoch + 1, proof.validators or current.validators)
        if header.next_validators_hash != following.hash:
            raise EpochNext(named=header.next_validators_hash, given=following.hash)
        self.verify(proof.final)
        sets = (*self.followed.sets, following)[-KEPT_SETS:]
        self.followed = _with(self.followed, sets=sets)

    def verify(self, final: FinalHeader) -> None:
        """Refuse a header that is not final; remember one that is.

        Raises `ClientFrozen`, also for the header that freezes it; `EpochUnknown`, and what the
        engine's verifier raises, without a trace.
        """
        self.check_open()
        validators = self.set_of(final.header.epoch)
        self._verifier.check_final(final.line, validators, self.followed.chain)
        against = [one for one in self.followed.seen if contradict(one, final)]
        if against:
            self.followed = _with(self.followed, conflict=(Conflict(against[0], final),))
            self.check_open()
        if all(one.header != final.header for one in self.followed.seen):
            self.followed = _with(self.followed, seen=_newest((*self.followed.seen, final)))

    def check_open(self) -> None:
        """Raise `ClientFrozen` once a contradiction is known."""
        for conflict in self.followed.conflict:
            raise ClientFrozen(
                height=conflict.second.header.height,
                first=conflict.first.header.id,
                second=conflict.second.header.id,
            )

    def believe(self, block: bytes) -> bool:
        """Go on after a contradiction, as the people who know both headers decided: the one with
        this id stands. False when neither has it; then nothing has changed.
        """
        for conflict in self.followed.conflict:
            pair = (conflict.first, conflict.second)
            right = tuple(one for one in pair if one.header.id == block)
            if right:
                others = (o for o in self.followed.seen if o.header.id != block)
                seen = (*(o for o in others if not contradict(o, right[0])), right[0])
                self.followed = _with(self.followed, seen=seen[-KEPT_HEADERS:], conflict=())
                return True
        return False


def contradict(a: FinalHeader, b: FinalHeader) -> bool:
    """Whether two headers cannot both be final on one chain."""
    low, high = sorted((a.header, b.header), key=lambda header: header.height)
    if low.height == high.height:
        return low.id != high.id
    return high.height == low.height + 1 and high.parent != low.id


def _newest(seen: tuple[FinalHeader, ...]) -> tuple[FinalHeader, ...]:
    """The headers to keep: the last that came, and the highest even when many old ones follow it,
    since what is too old to count is told from it."""
    kept, rest = seen[-KEPT_HEADERS:], seen[:-KEPT_HEADERS]
    highest = max(seen, key=lambda one: one.header.height)
    return kept if highest in kept or not rest else (highest, *kept[1:])


def _with(
    followed: Followed,
    sets: tuple[ValidatorSet, ...] | None = None,
    seen: tuple[FinalHeader, ...] | None = None,
    conflict: tuple[Conflict, ...] | None = None,
) -> Followed:
    return Followed(
        followed.chain,
        followed.sets if sets is None else sets,
        followed.seen if seen is None else seen,
        followed.conflict if conflict is None else conflict,
    )
