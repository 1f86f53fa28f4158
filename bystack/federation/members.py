"""Who sits in a federation, with what weight, and which seats are refused.

Weight w is w share indices of one Shamir polynomial (`federation.md` section 4): a member that
holds several shares is one operator, so the rules bound what any single operator can do – sign
alone or block alone – not what any single share can do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, NamedTuple

from msgspec import Meta

from bystack.primitives.codec import Bytes32, Wire
from bystack.primitives.errors import Invalid

MAX_MEMBERS = 64
MAX_WEIGHT = 128

Name = Annotated[bytes, Meta(min_length=1, max_length=32)]
Index = Annotated[int, Meta(ge=1, le=2**16 - 1)]
Position = Annotated[int, Meta(ge=0, lt=MAX_MEMBERS)]
Weight = Annotated[int, Meta(ge=1, le=MAX_WEIGHT)]
Threshold = Annotated[int, Meta(ge=1, le=MAX_WEIGHT)]


class Member(Wire):
    """One operator: its identity (Ed25519), its peer, its shares and where its fees go.

    `name` is ASCII; `recipient` is the policy root on the sidechain that fees are paid to.
    """

    name: Name
    identity: Bytes32
    node: Bytes32
    weight: Weight
    indices: Annotated[tuple[Index, ...], Meta(min_length=1, max_length=MAX_WEIGHT)]
    recipient: Bytes32


class Roster(Wire):
    """The members of one key epoch in seat order, and how much weight signs."""

    threshold: Threshold
    members: Annotated[tuple[Member, ...], Meta(min_length=1, max_length=MAX_MEMBERS)]

    @property
    def total(self) -> int:
        """The weight of all members: n of "t of n"."""
        return sum(member.weight for member in self.members)

    @property
    def indices(self) -> tuple[int, ...]:
        """Every share index, in seat order (which is ascending)."""
        return tuple(index for member in self.members for index in member.indices)

    def owner(self, index: int) -> int:
        """The seat of the member that holds share `index`; raises `IndexUnknown`."""
        for position, member in enumerate(self.members):
            if index in member.indices:
                return position
        raise IndexUnknown(index=index)

    def position(self, identity: bytes) -> int:
        """The seat of the member with this identity key; raises `MemberUnknown`."""
        for position, member in enumerate(self.members):
            if member.identity == identity:
                return position
        raise MemberUnknown(identity=identity)


class Seat(NamedTuple):
    """What is known of a member before share indices are dealt out."""

    name: bytes
    identity: bytes
    node: bytes
    weight: int
    recipient: bytes


class InvalidRoster(Invalid):
    """The members cannot form a federation."""


class IndexUnknown(InvalidRoster):
    """No member holds this share index."""


class MemberUnknown(InvalidRoster):
    """No member has this identity key."""


class WeightMismatch(InvalidRoster):
    """A member's weight is not the number of its share indices."""


class TooMuchWeight(InvalidRoster):
    """The members together hold more shares than a key may have."""


class IndicesDisordered(InvalidRoster):
    """Share indices are not strictly ascending in seat order, so one is repeated or misplaced."""


class MemberRepeated(InvalidRoster):
    """Two members share a name, an identity key or a node."""


class NameIllegible(InvalidRoster):
    """A member's name is not printable ASCII without spaces."""


class ThresholdTooHigh(InvalidRoster):
    """The threshold exceeds the weight of all members together."""


class ThresholdTooLow(InvalidRoster):
    """Half of the weight or less could sign: two disjoint quorums would exist."""


class OperatorSigns(InvalidRoster):
    """One operator alone holds the threshold."""


class OperatorBlocks(InvalidRoster):
    """One operator alone can stop every quorum."""


def seat(threshold: int, seats: Sequence[Seat]) -> Roster:
    """The roster that gives each seat the next free share indices, from 1; checked."""
    members, following = [], 1
    for each in seats:
        indices = tuple(range(following, following + each.weight))
        members.append(
            Member(each.name, each.identity, each.node, each.weight, indices, each.recipient)
        )
        following += each.weight
    roster = Roster(threshold, tuple(members))
    check_roster(roster)
    return roster


def check_roster(roster: Roster) -> None:
    """Raise the first `InvalidRoster` that applies (`federation.md` sections 4 and 5)."""
    _check_seats(roster)
    _check_indices(roster)
    _check_power(roster)


def _check_seats(roster: Roster) -> None:
    for member in roster.members:
        if not all(33 <= byte <= 126 for byte in member.name):
            raise NameIllegible(name=member.name)
    _check_distinct("name", (member.name for member in roster.members))
    _check_distinct("identity", (member.identity for member in roster.members))
    _check_distinct("node", (member.node for member in roster.members))


def _check_distinct(field: str, values: Iterable[bytes]) -> None:
    for value, times in Counter(values).items():
        if times > 1:
            raise MemberRepeated(field=field, value=value)


def _check_indices(roster: Roster) -> None:
    for member in roster.members:
        if member.weight != len(member.indices):
            raise WeightMismatch(
                name=member.name, weight=member.weight, indices=len(member.indices)
            )
    if roster.total > MAX_WEIGHT:
        raise TooMuchWeight(total=roster.total, limit=MAX_WEIGHT)
    indices = roster.indices
    # One order for one roster: otherwise the same federation would have several session ids.
    if any(a >= b for a, b in pairwise(indices)) or indices[0] < 1:
        raise IndicesDisordered(indices=indices)


def _check_power(roster: Roster) -> None:
    total, threshold = roster.total, roster.threshold
    if threshold > total:
        raise ThresholdTooHigh(threshold=threshold, total=total)
    if 2 * threshold <= total:
        raise ThresholdTooLow(threshold=threshold, total=total)
    for member in roster.members:
        if member.weight >= threshold:
            raise OperatorSigns(name=member.name, weight=member.weight, threshold=threshold)
        if member.weight > total - threshold:
            raise OperatorBlocks(name=member.name, weight=member.weight, spare=total - threshold)
