"""How votes become certificates: single ones and sums of groups, each voter counted once.

A signature is checked to be a point of the right group when it comes, and verified when it is
needed: all of a quorum together in one pairing. If that fails the bad ones are found by bisection
and dropped, and what their senders say later is verified alone (bbft.md, section 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bystack.primitives.errors import Invalid
from bystack.sidechain.consensus.certificates import certificate_from, signers
from bystack.sidechain.consensus.evidence import AnyEvidence, detect
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.statements import Aggregate, Certificate, Vote
from bystack.sidechain.consensus.validators import ValidatorSet, bitmap_of, quorum

Said = Vote | Aggregate | Certificate
Subject = tuple[bytes, bytes]


class SignatureMalformed(Invalid):
    """The signature is no point of the right group."""


class VoteSignature(Invalid):
    """The signature is not the voter's."""


class AggregateEmpty(Invalid):
    """The aggregate names nobody."""


class AggregateOverlap(Invalid):
    """A sender's aggregates share a voter; adding them would count it twice."""


def find_bad(items: Sequence[int], good: Callable[[Sequence[int]], bool]) -> list[int]:
    """The items that make `good(subset)` false, by bisection: about b·log n checks for b bad."""
    if not items or good(items):
        return []
    if len(items) == 1:
        return [items[0]]
    half = len(items) // 2
    return find_bad(items[:half], good) + find_bad(items[half:], good)


def subject_of(said: Said) -> Subject:
    """What a vote is for."""
    return said.block, said.justify


@dataclass(frozen=True, eq=False)
class Part:
    """Votes that came together: what was said, whose votes they are, who sent them."""

    said: Vote | Aggregate
    who: frozenset[int]
    source: int


class Tally:
    """The votes of one kind, height and view, at one who collects them.

    `suspects` are those whose signatures were bad before; it is shared and grows.
    """

    def __init__(
        self, validators: ValidatorSet, chain_id: bytes, scheme: Scheme,
        suspects: set[int] | None = None,
    ) -> None:  # fmt: skip
        self._validators, self._chain, self._scheme = validators, chain_id, scheme
        self._votes: dict[int, Part] = {}
        self._sums: dict[int, list[Part]] = {}
        self._verified: dict[Part, frozenset[Part]] = {}
        self._shared: dict[Subject, frozenset[int]] = {}
        self._closed: set[int] = set()
        self._suspects = set() if suspects is None else suspects
        self.certificates: tuple[Certificate, ...] = ()

    # What is known

    @property
    def voters(self) -> frozenset[int]:
        """Who has voted, for whatever."""
        return frozenset().union(*(part.who for part in self._parts()))

    @property
    def direct(self) -> frozenset[int]:
        """Whose votes came from themselves."""
        return frozenset(self._votes)

    @property
    def sources(self) -> frozenset[int]:
        """Whoever sent a vote or a sum."""
        return frozenset(self._votes) | frozenset(self._sums)

    @property
    def subjects(self) -> list[Vote | Aggregate]:
        """One vote or sum for each thing that was voted for."""
        return list({subject_of(part.said): part.said for part in self._parts()}.values())

    def vote_of(self, index: int) -> tuple[Vote, ...]:
        """The vote in a slot, or nothing."""
        part = self._votes.get(index)
        return (part.said,) if part and isinstance(part.said, Vote) else ()

    def for_(self, said: Said) -> frozenset[int]:
        """Who voted for the same thing."""
        same = (p.who for p in self._parts() if subject_of(p.said) == subject_of(said))
        return frozenset().union(*same)

    def _parts(self) -> list[Part]:
        return [*self._votes.values(), *(part for sums in self._sums.values() for part in sums)]

    # Taking

    def add(self, vote: Vote) -> tuple[AnyEvidence, ...]:
        """Take a vote whose sender is authenticated as its index; returns evidence, if any.

        Raises `SignatureMalformed`, `VoteSignature` (of a second vote or a known bad signer).
        """
        if not self._scheme.signature_valid(vote.signature):
            raise SignatureMalformed(index=vote.index)
        before, part = self._votes.get(vote.index), Part(vote, frozenset({vote.index}), vote.index)
        if before and before.said == vote:
            return ()
        if (before or vote.index in self._suspects) and not self._together([part]):
            raise VoteSignature(index=vote.index)
        if before and self._together([before]):
            return tuple(found for found in [detect(before.said, vote)] if found)
        self._votes[vote.index] = part
        return ()

    def add_sum(self, said: Aggregate, source: int) -> bool:
        """Take a sum from who may send it; False if it is known or its sender is heard no more.

        One that contains what its sender said before, and more, takes its place. Raises
        `CertificateBitmap`, `AggregateEmpty`, `SignatureMalformed`, `VoteSignature` (of a known bad
        signer), `AggregateOverlap` (its sender is heard no more).
        """
        part = Part(said, frozenset(signers(said, self._validators)), source)
        if not part.who:
            raise AggregateEmpty(source=source)
        if not self._scheme.signature_valid(said.signature):
            raise SignatureMalformed(index=source)
        if source in self._closed or any(p.said == said for p in self._sums.get(source, ())):
            return False
        if source in self._suspects and not self._together([part]):
            raise VoteSignature(index=source)
        self._place(part)
        return True

    def _place(self, part: Part) -> None:
        """Among its sender's sums, instead of those it contains; raises `AggregateOverlap`."""
        known = self._sums.setdefault(part.source, [])
        for earlier in [p for p in known if p.who & part.who]:
            same = subject_of(earlier.said) == subject_of(part.said)
            if not (same and earlier.who < part.who):
                self._closed.add(part.source)
                raise AggregateOverlap(
                    source=part.source, shared=str(sorted(earlier.who & part.who))
                )
        self._sums[part.source] = [*(p for p in known if not p.who & part.who), part]

    # Summing up

    def settle(self, said: Said) -> list[int]:
        """Try to certify what `said` says; returns those blamed for bad signatures."""
        if self.certificates:
            return []
        taken, bad = self._quorum(said)
        if taken:
            self.certificates = (self._certificate(said, taken),)
        return bad

    def fullest(self, said: Said) -> tuple[Certificate, ...]:
        """A certificate of all votes for a thing that are known and good; nothing if no quorum."""
        taken, _ = self._quorum(said)
        return (self._certificate(said, taken),) if taken else ()

    def share(
        self, said: Said, within: frozenset[int], me: int
    ) -> tuple[list[Vote | Aggregate], list[int]]:
        """The votes for a thing of those in `within` that were not shared yet, verified and summed
        up: nothing or one message of `me`; and those blamed on the way.
        """
        done = self._shared.get(subject_of(said), frozenset())
        taken, bad = self._weeded(lambda: self._disjoint(said, within - done))
        if not taken:
            return [], bad
        who = frozenset().union(*(part.who for part in taken))
        self._shared[subject_of(said)] = done | who
        alone = who == {me} and isinstance(taken[0].said, Vote)
        return [taken[0].said if alone else self._sum(said, taken)], bad

    def unshared(self, said: Said, within: frozenset[int]) -> frozenset[int]:
        """Those in `within` whose votes for a thing are known but not shared."""
        done = self._shared.get(subject_of(said), frozenset())
        return frozenset().union(*(part.who for part in self._disjoint(said, within - done)))

    def _quorum(self, said: Said) -> tuple[list[Part], list[int]]:
        everyone = frozenset(range(len(self._validators)))

        def enough() -> list[Part]:
            taken = self._disjoint(said, everyone)
            weight = self._validators.weight_of(i for part in taken for i in part.who)
            return taken if weight >= quorum(self._validators.total) else []

        return self._weeded(enough)

    def _disjoint(self, said: Said, within: frozenset[int]) -> list[Part]:
        """Parts for a thing within some voters that share nobody, the heaviest first."""
        same = [p for p in self._parts() if subject_of(p.said) == subject_of(said)]
        taken: list[Part] = []
        seen: frozenset[int] = frozenset()
        for part in sorted(same, key=lambda p: -len(p.who)):
            if part.who <= within and not part.who & seen:
                taken.append(part)
                seen |= part.who
        return taken

    def _weeded(self, choose: Callable[[], list[Part]]) -> tuple[list[Part], list[int]]:
        """What is chosen once the bad are dropped, and those blamed."""
        blamed: list[int] = []
        while taken := choose():
            bad = self._bad(taken)
            blamed += [part.source for part in bad]
            if not bad:
                break
            for part in bad:
                self._drop(part)
        return taken, blamed

    def _bad(self, taken: Sequence[Part]) -> list[Part]:
        """The bad among parts. What was verified together is good only together: two traitors'
        signatures may be wrong by amounts that cancel out.
        """
        new = [p for p in taken if not {p} <= self._verified.get(p, frozenset()) <= {*taken}]
        bad = find_bad(range(len(new)), lambda some: self._together(new[i] for i in some))
        if not bad:
            self._verified |= dict.fromkeys(new, frozenset(new))
        return [new[place] for place in bad]

    def _drop(self, part: Part) -> None:
        self._suspects.add(part.source)
        if isinstance(part.said, Vote):
            del self._votes[part.source]
        else:
            self._sums[part.source].remove(part)

    def _together(self, parts: Iterable[Part]) -> bool:
        taken = list(parts)
        keys = [self._validators.validators[i].key for part in taken for i in sorted(part.who)]
        whole = self._scheme.aggregate([part.said.signature for part in taken])
        digest = taken[0].said.digest(self._chain)
        return self._scheme.fast_aggregate_verify(keys, digest, whole)

    def _certificate(self, said: Said, taken: Sequence[Part]) -> Certificate:
        whole = self._scheme.aggregate([part.said.signature for part in taken])
        who = sorted(i for part in taken for i in part.who)
        return certificate_from(said, who, whole, len(self._validators))

    def _sum(self, said: Said, taken: Sequence[Part]) -> Aggregate:
        """The sum of disjoint parts. Multiplicities would need key lists; this stays a bitmap."""
        whole = self._scheme.aggregate([part.said.signature for part in taken])
        bitmap = bitmap_of((i for part in taken for i in part.who), len(self._validators))
        place = (said.kind, said.epoch, said.height, said.view)
        return Aggregate(*place, *subject_of(said), bitmap, whole)
