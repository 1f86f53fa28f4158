"""How votes become certificates: one slot a voter, one pairing for a quorum, blame by bisection.

Signatures are checked to be points of the right group at once and verified together at the
quorum; if that fails the bad ones are found by bisection and dropped, and their voters are
verified alone from then on (bbft.md, section 6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.certificates import certificate_from, signers
from bystack.sidechain.consensus.evidence import AnyEvidence, detect
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import (
    Aggregate,
    Certificate,
    HighSigners,
    Timeout,
    TimeoutCertificate,
    Vote,
)
from bystack.sidechain.consensus.validators import (
    Topology,
    ValidatorSet,
    bitmap_of,
    quorum,
    weak,
)


class SignatureMalformed(Invalid):
    """The signature is no point of the right group."""


class VoteSignature(Invalid):
    """The signature is not the voter's."""


class AggregateOverlap(Invalid):
    """Two aggregates share a voter; adding them would count it twice."""


class AggregateMixed(Invalid):
    """Two aggregates are for different things."""


class AggregateOutside(Invalid):
    """The aggregate names voters outside its sender's group."""


def find_bad(items: Sequence[int], good: Callable[[Sequence[int]], bool]) -> list[int]:
    """The items that make `good(subset)` false, by bisection: about b·log n checks for b bad."""
    if not items or good(items):
        return []
    if len(items) == 1:
        return [items[0]]
    half = len(items) // 2
    return find_bad(items[:half], good) + find_bad(items[half:], good)


class Tally:
    """The votes of one kind, height and view, at the one who collects them."""

    def __init__(self, validators: ValidatorSet, chain_id: bytes, scheme: Scheme) -> None:
        self._validators, self._chain, self._scheme = validators, chain_id, scheme
        self._votes: dict[int, Vote] = {}
        self._suspects: set[int] = set()
        self.certificates: tuple[Certificate, ...] = ()

    @property
    def voters(self) -> frozenset[int]:
        """Who has voted."""
        return frozenset(self._votes)

    def vote_of(self, index: int) -> tuple[Vote, ...]:
        """The vote in a slot, or nothing."""
        return (self._votes[index],) if index in self._votes else ()

    def add(self, vote: Vote) -> tuple[AnyEvidence, ...]:
        """Take a vote whose sender is authenticated as its index; returns evidence, if any.

        Raises `SignatureMalformed`, `VoteSignature` (of a second vote or a known bad signer).
        """
        if not self._scheme.signature_valid(vote.signature):
            raise SignatureMalformed(index=vote.index)
        before = self._votes.get(vote.index)
        if before == vote:
            return ()
        if (before or vote.index in self._suspects) and not self._single(vote):
            raise VoteSignature(index=vote.index)
        if before and self._single(before):
            return tuple(found for found in [detect(before, vote)] if found)
        self._votes[vote.index] = vote
        return ()

    def settle(self, vote: Vote) -> list[int]:
        """Try to certify what `vote` says; returns the indexes blamed for bad signatures."""
        if self.certificates:
            return []
        same = self._alike(vote)
        if self._validators.weight_of(same) < quorum(self._validators.total):
            return []
        bad = find_bad(same, self._together)
        for index in bad:
            del self._votes[index]
            self._suspects.add(index)
        left = self._alike(vote)
        if self._validators.weight_of(left) >= quorum(self._validators.total):
            whole = self._scheme.aggregate([self._votes[i].signature for i in left])
            self.certificates = (certificate_from(vote, left, whole, len(self._validators)),)
        return bad

    def _alike(self, vote: Vote) -> list[int]:
        wanted = (vote.block, vote.justify)
        return sorted(i for i, v in self._votes.items() if (v.block, v.justify) == wanted)

    def _together(self, indexes: Sequence[int]) -> bool:
        votes = [self._votes[i] for i in indexes]
        whole = self._scheme.aggregate([v.signature for v in votes])
        keys = self._validators.keys_of(indexes)
        return self._scheme.fast_aggregate_verify(keys, votes[0].digest(self._chain), whole)

    def _single(self, vote: Vote) -> bool:
        key = self._validators.validators[vote.index].key
        return self._scheme.verify(key, vote.digest(self._chain), vote.signature)


class Timeouts:
    """The highest TIMEOUT of each validator at one height, and the certificates they make."""

    def __init__(self, validators: ValidatorSet, chain_id: bytes, scheme: Scheme) -> None:
        self._validators, self._chain, self._scheme = validators, chain_id, scheme
        self._highest: dict[int, Timeout] = {}

    def add(self, timeout: Timeout) -> tuple[AnyEvidence, ...]:
        """Take a TIMEOUT whose sender is authenticated and whose best certificate is verified.

        Raises `SignatureMalformed`, `VoteSignature` (of a second report for one view).
        """
        if not self._scheme.signature_valid(timeout.signature):
            raise SignatureMalformed(index=timeout.index)
        before = self._highest.get(timeout.index)
        if before and before.view > timeout.view:
            return ()
        if before and before.view == timeout.view:
            return self._second(before, timeout)
        self._highest[timeout.index] = timeout
        return ()

    def _second(self, before: Timeout, timeout: Timeout) -> tuple[AnyEvidence, ...]:
        if before.bare() == timeout.bare():
            return ()
        if not self._single(timeout):
            raise VoteSignature(index=timeout.index)
        if not self._single(before):
            self._highest[timeout.index] = timeout
            return ()
        return tuple(found for found in [detect(before, timeout)] if found)

    def weak_from(self, view: int) -> bool:
        """Whether at least one honest validator gave up `view` or a later one."""
        indexes = [i for i, t in self._highest.items() if t.view >= view]
        return self._validators.weight_of(indexes) >= weak(self._validators.total)

    def certify(self, least: int) -> tuple[tuple[TimeoutCertificate, ...], list[int]]:
        """The certificate of the highest view from `least` on that a quorum gave up, if any, and
        those blamed on the way.
        """
        bad: list[int] = []
        view = max((v for v in self._views() if v >= least and self._decisive(v)), default=least)
        if self._decisive(view):
            bad = find_bad(self._at(view), self._together)
        for index in bad:
            del self._highest[index]
        return ((self._certificate(view),) if self._decisive(view) else ()), bad

    def _views(self) -> set[int]:
        return {t.view for t in self._highest.values()}

    def _decisive(self, view: int) -> bool:
        return self._validators.weight_of(self._at(view)) >= quorum(self._validators.total)

    def _at(self, view: int) -> list[int]:
        return sorted(i for i, t in self._highest.items() if t.view == view)

    def _certificate(self, view: int) -> TimeoutCertificate:
        taken = [self._highest[i] for i in self._at(view)]
        best = max(taken, key=lambda t: t.high)
        groups = tuple(
            HighSigners(high, bitmap_of(_with_high(taken, high), len(self._validators)))
            for high in sorted({t.high for t in taken})
        )
        whole = self._scheme.aggregate([t.signature for t in taken])
        return TimeoutCertificate(best.epoch, best.height, view, groups, whole, best.best)

    def _together(self, indexes: Sequence[int]) -> bool:
        taken = [self._highest[i] for i in indexes]
        groups = []
        for high in sorted({t.high for t in taken}):
            same = [t for t in taken if t.high == high]
            keys = self._validators.keys_of([t.index for t in same])
            groups.append((keys, same[0].digest(self._chain)))
        return self._scheme.group_verify(
            groups, self._scheme.aggregate([t.signature for t in taken])
        )

    def _single(self, timeout: Timeout) -> bool:
        return self._scheme.verify(
            self._validators.validators[timeout.index].key,
            timeout.digest(self._chain),
            timeout.signature,
        )


def _with_high(timeouts: Sequence[Timeout], high: int) -> list[int]:
    return [t.index for t in timeouts if t.high == high]


def check_subtree(
    aggregate: Aggregate, sender: int, paths: Topology, validators: ValidatorSet
) -> None:
    """An aggregate speaks only for its sender's group; raises `AggregateOutside`."""
    if not {*signers(aggregate, validators)} <= {*paths.subtree(sender)}:
        raise AggregateOutside(sender=sender)


def combine(
    first: Aggregate, second: Aggregate, validators: ValidatorSet, scheme: Scheme
) -> Aggregate:
    """The sum of two disjoint aggregates for one thing.

    Raises `AggregateOverlap`, `AggregateMixed`. Multiplicities would need key lists; sets of
    signers stay bitmaps.
    """
    if _subject(first) != _subject(second):
        raise AggregateMixed(height=first.height, view=first.view)
    one, other = {*signers(first, validators)}, {*signers(second, validators)}
    if one & other:
        raise AggregateOverlap(shared=str(sorted(one & other)))
    bitmap = bitmap_of(one | other, len(validators))
    signature = scheme.aggregate([first.signature, second.signature])
    return Aggregate(*_subject(first), bitmap, signature)


def _subject(part: Aggregate) -> tuple[int, int, int, int, bytes, bytes]:
    return part.kind, part.epoch, part.height, part.view, part.block, part.justify
