"""Whose turn it is, and what a chain of seals makes final: the arithmetic of `authority`.

Time runs in *slots*; slot s is validator s mod n's, and n slots are a *round*, so each seals once
a round. What a seal stands for follows from its chain alone. Its *target* is the last block before
its round; its *source* the last round before its own that is *justified*: sealed, on this chain,
by a quorum. The target of a round is final when that round and the next are justified on one
chain: more than two thirds have built on it, and more than two thirds have built on that fact.

Why two: with one quorum, those who built on the block and then, not knowing that they were
enough, followed a longer branch would make a second final block. An authority instead never seals
with a lower source than it did before. So whoever sealed in the second of the two rounds is bound
to the first, every later quorum has an honest member of theirs, and its branch holds a source at
least as high, hence (by induction) the final block (docs/decisions/engines.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from bystack.primitives.errors import Invalid
from bystack.sidechain.blocks import Header
from bystack.sidechain.consensus.light import Certified
from bystack.sidechain.consensus.positions import Position
from bystack.sidechain.consensus.scheme import Scheme
from bystack.sidechain.consensus.seals import check_sealed, verify_seal
from bystack.sidechain.consensus.statements import COMMIT, Certificate
from bystack.sidechain.consensus.validators import ValidatorSet, quorum

NEVER = -2
"""A source before every round."""


class TurnWrong(Invalid):
    """The slot is another validator's, or not after the parent's."""


class LineBroken(Invalid):
    """The headers do not stand one on the other."""


class NotFinalYet(Invalid):
    """Too few have sealed on the header, in two rounds one after the other, to make it final."""


class Count(NamedTuple):
    """What a chain's seals amount to at a block of it.

    `weight`: of those who sealed in its round, up to it. `source`: the last earlier justified
    round. `target`, `before`: heights of the targets of its round and of the round before on this
    chain.
    """

    round: int
    weight: int
    source: int
    target: int
    before: int


class Turns:
    """The turns of one set of validators."""

    def __init__(self, validators: ValidatorSet) -> None:
        self._weights = [one.weight for one in validators.validators]
        self._quorum = quorum(validators.total)
        self._total = validators.total

    @property
    def length(self) -> int:
        """Slots in a round."""
        return len(self._weights)

    def sealer(self, slot: int) -> int:
        """Whose slot it is."""
        return slot % self.length

    def check(self, header: Header, slot: int, parent_slot: int) -> None:
        """Raise `TurnWrong` unless the proposer may seal in this slot on that parent."""
        if self.sealer(slot) != header.proposer or slot <= parent_slot:
            raise TurnWrong(slot=slot, after=parent_slot, proposer=header.proposer)

    def root(self, slot: int, height: int) -> Count:
        """At a final block, below which nothing is known.

        Its round passes for justified: a later block that stands on it stands on whatever any seal
        before was bound to.
        """
        round = slot // self.length
        return Count(round, self._total, round - 1, height, height)

    def lowest(self, slot: int, height: int) -> Count:
        """At a block of which only the seal is known."""
        weight = self._weights[self.sealer(slot)]
        return Count(slot // self.length, weight, NEVER, height - 1, height - 1)

    def add(self, count: Count, slot: int, height: int) -> Count:
        """At the next block, of `height`, sealed in `slot`."""
        round, weight = slot // self.length, self._weights[self.sealer(slot)]
        if round == count.round:
            return count._replace(weight=count.weight + weight)
        source = count.round if self.justified(count) else count.source
        return Count(round, weight, source, height - 1, count.target)

    def justified(self, count: Count) -> bool:
        """Whether a quorum sealed in the block's round, up to it."""
        return count.weight >= self._quorum

    def highest(self, count: Count) -> int:
        """The last justified round at a block, its own included."""
        return count.round if self.justified(count) else count.source

    def final(self, count: Count) -> int:
        """The height up to which a block's chain is final by it; -1 when it makes none so."""
        done = self.justified(count) and count.source == count.round - 1
        return count.before if done else -1


class DepthFinality:
    """Judge of sealed headers (`engine.Verifier`): one is final by those that stand on it.

    The validators are the same in every epoch; only the epoch's number in their set changes.
    """

    depth = True
    runs_ahead = True

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme

    def check(
        self, header: Header, certificate: Certificate, validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise why the certificate is not the header's seal, made in its maker's turn."""
        Turns(validators).check(header, certificate.view, -1)
        verify_seal(header, certificate, _of_epoch(validators, header), chain_id, self._scheme)

    def check_votes(
        self, certificate: Certificate, validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise `SealSigners`, `CertificateSignature` unless it is a seal made in its turn."""
        index = Turns(validators).sealer(certificate.view)
        check_sealed(certificate, index, validators, chain_id, self._scheme)

    def check_final(
        self, line: Sequence[Certified], validators: ValidatorSet, chain_id: bytes
    ) -> None:
        """Raise `LineBroken`, `TurnWrong`, `NotFinalYet`, or why a seal does not hold."""
        needed = line[: self._enough(line, validators)]
        for one in needed:
            self.check(one.header, one.certificate, validators, chain_id)

    def _enough(self, line: Sequence[Certified], validators: ValidatorSet) -> int:
        """How many of the line make its first final; cheap, before any signature is verified."""
        turns, first = Turns(validators), line[0]
        height = first.header.height
        count = turns.lowest(first.certificate.view, height)
        for number, (below, one) in enumerate(pairwise(line), start=2):
            _check_link(below, one)
            turns.check(one.header, one.certificate.view, below.certificate.view)
            count = turns.add(count, one.certificate.view, one.header.height)
            if turns.final(count) >= height:
                return number
        raise NotFinalYet(height=height, above=len(line) - 1)

    def order(self, position: Position) -> tuple[int, ...]:
        """The slot alone: a better branch may be a shorter one, a slot never comes again."""
        return (position.view,)

    def voted(self, certificate: Certificate) -> Position:
        """The position of the seal."""
        return Position(certificate.height, certificate.view, COMMIT)


def _check_link(below: Certified, one: Certified) -> None:
    header = one.header
    linked = header.parent == below.header.id and header.height == below.header.height + 1
    if not linked or header.parent_certificate != below.certificate.hash:
        raise LineBroken(height=header.height, parent=header.parent)


def _of_epoch(validators: ValidatorSet, header: Header) -> ValidatorSet:
    return ValidatorSet(header.epoch, validators.validators)
